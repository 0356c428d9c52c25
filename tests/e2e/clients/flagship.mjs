/*
 * As flagship.cjs, for users of ES modules.
 *
 * The ES module build of 4.x is for bundlers (its own imports have no file extensions, and Node
 * cannot follow them): there an ES module gets the package through `createRequire`, as its users do.
 */
import { createRequire } from 'node:module';

import flagship from './flagship.cjs';
import talk from './talk.cjs';

const name = process.argv[2];
let sdk;
try {
  sdk = await import(name);
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND' || error.message.includes(`'${name}'`)) throw error;
  sdk = createRequire(import.meta.url)(name);
  talk.event('bundlers-only', { message: error.message });
}
talk.serve(flagship.run(sdk));
