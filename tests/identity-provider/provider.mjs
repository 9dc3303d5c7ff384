// A real identity provider (oidc-provider, certified by the OpenID Foundation) for the tests: three clients, whose
// tokens carry roles and a customer. It rotates its key when a line arrives on standard input. It prints its address,
// and a line after each rotation.
import {createServer} from 'node:http';
import {generateKeyPairSync, randomUUID} from 'node:crypto';
import {createInterface} from 'node:readline';
import Provider from 'oidc-provider';

// Standard output is for the two lines alone.
console.info = console.warn = console.error;

const AUDIENCE = 'orderlog';
const algorithm = process.argv[2] ?? 'RS256';
const CLAIMS = {
  till: {roles: ['staff']},
  ada: {roles: ['customer'], customer_id: 'c-ada'},
  loader: {scope: 'openid import'},
};

function key() {
  const made = {
    RS256: () => generateKeyPairSync('rsa', {modulusLength: 2048}),
    ES256: () => generateKeyPairSync('ec', {namedCurve: 'P-256'}),
    EdDSA: () => generateKeyPairSync('ed25519'),
  }[algorithm]();
  return {...made.privateKey.export({format: 'jwk'}), kid: randomUUID(), alg: algorithm, use: 'sig'};
}

function provider(issuer, keys) {
  return new Provider(issuer, {
    jwks: {keys},
    clients: Object.keys(CLAIMS).map((client_id) => ({
      client_id,
      client_secret: `secret of ${client_id}`,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    })),
    scopes: ['openid', 'import'],
    enabledJWA: {idTokenSigningAlgValues: [algorithm]},
    clientDefaults: {id_token_signed_response_alg: algorithm},
    features: {
      clientCredentials: {enabled: true},
      devInteractions: {enabled: false},
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:orderlog',
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'openid import',
          audience: AUDIENCE,
          accessTokenTTL: 600,
          accessTokenFormat: 'jwt',
          jwt: {sign: {alg: algorithm}},
        }),
      },
    },
    extraTokenClaims: (_, token) => CLAIMS[token.clientId],
  });
}

let keys = [key()];
let current;
const server = createServer((request, response) => current.callback()(request, response));
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  current = provider(issuer, keys);
  console.log(`issuer ${issuer}`);
  createInterface({input: process.stdin}).on('line', (line) => {
    // The new key signs; "withdraw" takes the old ones out of the set.
    keys = line === 'withdraw' ? [key()] : [key(), ...keys];
    current = provider(issuer, keys);
    console.log('rotated');
  }).on('close', () => process.exit(0));
});
