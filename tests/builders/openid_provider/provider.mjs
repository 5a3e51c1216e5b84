// The certified OpenID provider of the tests: node provider.mjs PORT FILE. FILE holds its private keys, clients and claims as JSON.
import { readFileSync } from 'node:fs';
import { Provider } from 'oidc-provider';

const [port, file] = process.argv.slice(2);
const { keys, clients, claims, scopes, audience } = JSON.parse(readFileSync(file, 'utf8'));
const server = { scope: scopes.join(' '), audience, accessTokenTTL: 600, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } };

const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: { keys },
  clients,
  cookies: { keys: ['of the tests'] },
  extraTokenClaims: (_, token) => claims[token.accountId ?? token.clientId],
  findAccount: (_, id) => (claims[id] ? { accountId: id, claims: () => ({ sub: id }) } : undefined),
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => `urn:${audience}`,
      useGrantedResource: () => true,
      getResourceServerInfo: () => server,
    },
  },
});
provider.listen(Number(port), '127.0.0.1', () => console.log('listening'));
