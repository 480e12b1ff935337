// The audits of GraphQL-over-HTTP: `node audits.mjs URL HEADERS` prints the ids of those that
// fail, each with its name and the reason, and at last how many there are.
import { serverAudits } from "graphql-http";

const [url, credentials] = process.argv.slice(2);
const fetchFn = (address, options = {}) =>
  fetch(address, { ...options, headers: { ...options.headers, ...JSON.parse(credentials) } });
const audits = serverAudits({ url, fetchFn });
for (const audit of audits) {
  const result = await audit.fn();
  if (result.status !== "ok") console.log(`${audit.id} ${audit.name}: ${result.reason}`);
}
console.log(audits.length);
