/*
 * The published SDK of 2022, `fictioneers-node-sdk`, doing what it is asked (see ../clients/talk.cjs).
 *
 * The package is as npm gives it. It has an HTTP client of its own that heeds no proxy variables, so
 * where its requests go is said by a property, `_endpoint`. What it sends is overheard through
 * Node's own diagnostics; nothing is replaced.
 */
import diagnostics from 'node:diagnostics_channel';

import Fictioneers from 'fictioneers-node-sdk';

import talk from '../clients/talk.cjs';

const made = {};

diagnostics.subscribe('http.client.response.finish', ({ request, response }) => {
  talk.event('request', {
    method: request.method,
    path: request.path,
    authorization: request.getHeader('authorization'),
    status: response.statusCode,
  });
});

talk.serve({
  make({ name = 'it', apiKey, userId, endpoint }) {
    made[name] = new Fictioneers({ apiSecretKey: apiKey, userId });
    made[name]._endpoint = endpoint;
    return made[name].getUserId();
  },

  /** What a method came to. This SDK throws at no status: it returns whatever JSON it got. */
  async call({ name = 'it', method, given }) {
    try {
      return { answer: (await made[name][method](given)) ?? null };
    } catch (error) {
      return { thrown: error.message, code: error.code ?? null, status: null, body: null };
    }
  },
});
