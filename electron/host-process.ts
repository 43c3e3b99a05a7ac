/** Entry point of the utility process in which the host runs, and the guests' threads with it. */
import { hostParts } from '../core/host/parts.ts';
import { serveHost } from './host-service.ts';

const parent = process.parentPort;

// The window stays and says what happened.
process.on('uncaughtException', (error) => {
  parent.postMessage({ kind: 'fatal', message: error.message.split('\n')[0] ?? 'an internal error' });
  process.stderr.write(`${error.stack ?? error.message}\n`);
  process.exit(1);
});

serveHost(parent, hostParts);
