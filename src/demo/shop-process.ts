/**
 * The demo shop as a process of its own, which is what a backend is. It tells its parent `{ url, token }`,
 * and ends in good order when the parent lets go of it or a signal asks.
 */
import { startShop } from '#demo/shop.ts';

const shop = await startShop();

let ending = false;
function end(): void {
  if (ending) return;
  ending = true;
  // With the last connection closed nothing keeps the process, once the channel is let go as well.
  void shop.close().finally(() => {
    if (process.connected) process.disconnect?.();
  });
}

process.on('SIGTERM', end);
// Ctrl-C reaches the whole process group. Under a parent the shop stays for what the parent still has
// in flight, and ends when it lets go.
process.on('SIGINT', process.send === undefined ? end : () => undefined);
process.on('disconnect', end);
if (process.send === undefined) process.stdout.write(`${shop.url}\n`);
else process.send({ url: shop.url, token: shop.token });
