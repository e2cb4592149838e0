/** The pages of the shop, as functions from values to HTML. */
import { formatPrice, type Product, products } from '#demo/catalogue.ts';
import { type Html, html } from '#demo/html.ts';
import { page } from '#demo/layout.ts';
import type { Order } from '#demo/order.ts';
import { echoScript, eventsScript, uploadScript } from '#demo/scripts.ts';

export function homePage(): string {
  return page(
    'Things for the weekend',
    html`<p>Six things, honestly described. Everything here goes through the edge first.</p>${productGrid(products)}`,
  );
}

export function productPage(product: Product): string {
  return page(
    product.name,
    html`<p class="symbol">${product.symbol}</p>
<p>${product.description}</p>
<p class="price">${formatPrice(product.priceCents)}</p>
<p><a href="/order?product=${product.id}">Order it</a></p>`,
  );
}

export function searchPage(query: string, found: readonly Product[]): string {
  const result =
    query === ''
      ? html``
      : found.length === 0
        ? html`<p>Nothing matches “${query}”.</p>`
        : html`<p>${found.length} for “${query}”</p>${productGrid(found)}`;
  return page(
    'Search',
    html`<form action="/search" method="get">
<label>What are you looking for?<input name="q" value="${query}" maxlength="200"></label>
<button>Search</button>
</form>
${result}`,
  );
}

export function orderFormPage(chosen: string, problems: readonly string[] = []): string {
  return page(
    'Order',
    html`${problems.map((problem) => html`<p role="alert">${problem}</p>`)}
<form action="/order" method="post">
<label>Product<select name="product">${products.map(
      ({ id, name }) =>
        html`<option value="${id}"${id === chosen ? html` selected` : ''}>${name}</option>`,
    )}</select></label>
<label>Quantity<input name="quantity" type="number" min="1" max="99" value="1"></label>
<label>Name<input name="name" required maxlength="200"></label>
<label>Note<textarea name="note" rows="3" maxlength="2000"></textarea></label>
<button>Order</button>
</form>`,
  );
}

export function orderDonePage(order: Order): string {
  return page(
    'Thank you',
    html`<p>Order ${order.id}</p>
<dl>
<dt>Product</dt><dd>${order.product.name}</dd>
<dt>Quantity</dt><dd>${order.quantity}</dd>
<dt>Total</dt><dd>${formatPrice(order.totalCents)}</dd>
<dt>Name</dt><dd>${order.name}</dd>
<dt>Note</dt><dd>${order.note}</dd>
</dl>`,
  );
}

export function uploadPage(): string {
  return page(
    'Upload',
    html`<p>The file is counted and hashed while it arrives, and kept nowhere.</p>
<form><label>File<input name="file" type="file" required></label><button>Upload</button></form>
<pre></pre>`,
    uploadScript,
  );
}

export function echoPage(): string {
  return page(
    'WebSocket echo',
    html`<form><label>Message<input name="message" required maxlength="1000" autocomplete="off"></label><button>Send</button></form>
<pre></pre>`,
    echoScript,
  );
}

export function ticksPage(): string {
  return page('Server-sent events', html`<p>One each second.</p><pre></pre>`, eventsScript);
}

export function missingPage(): string {
  return page(
    'Not here',
    html`<p>There is nothing at this address. <a href="/">Back to the shop</a></p>`,
  );
}

function productGrid(shown: readonly Product[]): Html {
  return html`<ul class="grid">${shown.map(
    ({ id, name, symbol, priceCents }) =>
      html`<li><a class="card" href="/products/${id}"><div class="symbol">${symbol}</div><div>${name}</div><div class="price">${formatPrice(priceCents)}</div></a></li>`,
  )}</ul>`;
}
