/**
 * The demo shop as a process of its own, which is what a backend is. It tells its parent `{ url }`,
 * and ends in good order when the parent lets go of it or a signal asks.
 */
import { startShop } from '#demo/shop.ts';

const shop = await startShop();
process.send?.({ url: shop.url });

let ending = false;
function end(): void {
  if (ending) return;
  ending = true;
  // With the last connection closed nothing keeps the process, once the channel is let go as well.
  void shop.close().finally(() => {
    if (process.connected) process.disconnect();
  });
}

process.on('disconnect', end);
process.on('SIGTERM', end);
process.on('SIGINT', end);
