// The identity provider of development: node server.mjs PORT AUDIENCE KEYS
// KEYS is a JWKS of private keys; those who log in are asked for a name below, and any password.
import { readFileSync } from "node:fs";
import Provider from "oidc-provider";

const [port, audience, keys] = process.argv.slice(2);
const scopes = "orders:read orders:write orders:read_all audit:read ops:read";
const users = { ada: "admin", grace: "member", joan: "member", alan: "viewer" };
const machines = { machine: "member", auditor: "admin" };

const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: JSON.parse(readFileSync(keys)),
  scopes: ["openid", "offline_access", ...scopes.split(" ")],
  clients: [
    ...Object.keys(machines).map((name) => ({
      client_id: name,
      client_secret: "development",
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    })),
    {
      client_id: "app",
      application_type: "native",
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      redirect_uris: ["http://127.0.0.1/callback"],
    },
  ],
  clientDefaults: { id_token_signed_response_alg: "ES256" },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    resourceIndicators: {
      defaultResource: () => audience,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: scopes,
        accessTokenFormat: "jwt",
        accessTokenTTL: 3600,
        jwt: { sign: { alg: "ES256" } },
      }),
    },
  },
  ttl: { ClientCredentials: 3600 },
  findAccount: (_context, name) =>
    name in users ? { accountId: name, claims: () => ({ sub: name }) } : undefined,
  extraTokenClaims: (_context, token) => ({
    roles: [token.accountId ? users[token.accountId] : machines[token.clientId]],
  }),
});
provider.listen(Number(port), "127.0.0.1");
