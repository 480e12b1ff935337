// The two accounts of a deployment: `migrator` owns the database. `service` has the role of its name, to
// read and write documents but only add audit events, as `app migrate upgrade --role service` lets it.
//
// An administrator runs it in the service's database, with `passwords` set: docs/database.md. It can be
// run again.
const roles = { migrator: "dbOwner", service: "service" };
if (!db.getRole("service")) db.createRole({ role: "service", privileges: [], roles: [] });
for (const [user, role] of Object.entries(roles)) {
  if (db.getUser(user)) db.updateUser(user, { pwd: passwords[user], roles: [role] });
  else db.createUser({ user, pwd: passwords[user], roles: [role] });
}
