/** A certified OpenID provider with three people, for tests: `node provider.mjs PORT CLIENT_ORIGIN`. PKCE is demanded. */

import Provider from "oidc-provider";

const [port, client] = process.argv.slice(2);
const GROUPS = { ann: ["desk-agents", "everybody"], sue: ["desk-supervisors"], eve: ["everybody"] };

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: "voiceguard", client_secret: "a secret of the client", redirect_uris: [`${client}/v1/oidc/callback`],
    grant_types: ["authorization_code"], response_types: ["code"],
  }],
  claims: { openid: ["sub", "acr"], email: ["email"], profile: ["groups"] },
  conformIdTokenClaims: false,
  cookies: { keys: ["for tests"] },
  features: { devInteractions: { enabled: true } },
  pkce: { required: () => true },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, email: `${sub}@example.com`, groups: GROUPS[sub] ?? [] }) }),
});

provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
