"""What clients and orchestrators meet before the database file is there."""

from pathlib import Path

from tests.support.service import run_command, running_service, seconds_until


def test_the_service_lives_without_its_database_and_finds_it_later(
    environment: dict[str, str], scratch: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "volume"
    changes = {"DATABASE_URL": f"sqlite:///{folder}/app.db"}
    with (
        running_service(environment, scratch, changes=changes, ready="/health/live") as service,
        service.client() as client,
    ):
        unready = client.get("/health/ready")
        assert unready.status_code == 503
        assert unready.json()["status"] == "unavailable"
        assert [part["field"] for part in unready.json()["error"]["details"]] == ["database"]
        assert run_command("migrate", "upgrade", env=service.environment, check=False).returncode

        folder.mkdir()
        run_command("migrate", "upgrade", env=service.environment)
        assert seconds_until(200, client, "/health/ready") < 5
        assert client.get("/health/live").status_code == 200
