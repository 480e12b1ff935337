"""The database: units of work, and one place that commits them."""

from app.db.database import Database
from app.db.unit_of_work import UnitOfWork

__all__ = ["Database", "UnitOfWork"]
