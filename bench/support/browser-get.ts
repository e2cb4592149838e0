/** What a browser sends with a click, and to where: the request that benches of modules are about. */
export const browserTarget =
  '/products/garden/chairs/item-4711.html?color=green&size=xl&page=2&sort=price';

export const browserHeaders: readonly (readonly [string, string])[] = [
  ['Host', 'www.example.org'],
  [
    'User-Agent',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36',
  ],
  [
    'Accept',
    'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  ],
  ['Accept-Encoding', 'gzip, deflate, br, zstd'],
  ['Accept-Language', 'en-US,en;q=0.9,de;q=0.8'],
  ['Sec-Fetch-Dest', 'document'],
  ['Sec-Fetch-Mode', 'navigate'],
  ['Sec-Fetch-Site', 'same-origin'],
  ['Upgrade-Insecure-Requests', '1'],
  ['Referer', 'https://www.example.org/products/garden/chairs'],
  [
    'Cookie',
    'session=Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA==; theme=dark; consent=yes; cart=12.7.3; _ga=GA1.2.1234567890.1752561234',
  ],
  ['Cache-Control', 'max-age=0'],
];
