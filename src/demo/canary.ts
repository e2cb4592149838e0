/** What the demo shop must never send and sends on one page, to show that the edge keeps it in. */
export const canaryToken = 'canary-shop-5d41402a';
