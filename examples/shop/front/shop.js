// The shop's page. What it knows stands in `shop`; `show…` draws a part of it; everything else asks the API.

const shop = { products: [], currency: "EUR", basket: new Map(), orders: [], order_key: null, basket_in_sight: false };

const LINES_AT_MOST = 99;
const by_id = (id) => document.getElementById(id);

// ---- Asking the API ----

class Refused extends Error {
  constructor(status, answer) {
    super(answer.error ?? `The shop answered ${status}.`);
    this.fields = answer.fields ?? {};
  }
}

/** Asks, and returns the answer's JSON and headers. Throws Refused, or another error if nobody answers. */
async function ask(path, options = {}) {
  const response = await fetch(path, { ...options, signal: AbortSignal.timeout(15_000) });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, answer);
  return { answer, headers: response.headers };
}

function reason(error) {
  return error instanceof Refused ? error.message : "The shop does not answer. Is it running?";
}

/** Tells, at the top of the page, that something is away; null when all is well again. */
function show_outage(text) {
  const outage = by_id("outage");
  if (outage.textContent !== (text ?? "")) outage.textContent = text ?? "";
  outage.hidden = !text;
}

// ---- Drawing ----

/** element("p.quiet", { title: "…" }, "text", child): text stays text, whatever is in it. */
function element(kind, properties = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const made = Object.assign(document.createElement(tag), properties);
  if (classes.length) made.className = classes.join(" ");
  made.append(...children.filter((child) => child !== null));
  return made;
}

function picture(sku) {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(namespace, "use"));
  svg.firstChild.setAttribute("href", `#picture-${sku}`);
  return svg;
}

function money(cents) {
  return new Intl.NumberFormat("en-IE", { style: "currency", currency: shop.currency }).format(cents / 100);
}

function clock(iso) {
  return new Intl.DateTimeFormat(undefined, { timeStyle: "short" }).format(new Date(iso));
}

function show_products() {
  const list = by_id("products");
  list.setAttribute("aria-busy", "false");
  list.replaceChildren(
    ...shop.products.map((product) => {
      const buy = element("button", { type: "button", onclick: () => change(product.sku, +1) }, "Add");
      buy.setAttribute("aria-label", `Add ${product.name} to the basket`);
      return element("li", {},
        picture(product.sku),
        element("div.words", {}, element("h3", {}, product.name), element("p", {}, product.description)),
        element("div.buy", {}, element("span.price", {}, money(product.price_cents)), buy),
      );
    }),
  );
}

function show_basket() {
  const lines = shop.products.filter((product) => shop.basket.has(product.sku));
  const total = lines.reduce((sum, product) => sum + product.price_cents * shop.basket.get(product.sku), 0);
  // Drawing anew takes the button away from under the keyboard: remember where it was.
  const focus = document.activeElement?.dataset?.step;

  const step = (product, sign, by) => {
    const button = element("button.step", { type: "button", onclick: () => change(product.sku, by) }, sign);
    button.dataset.step = `${product.sku}${by}`;
    button.setAttribute("aria-label", `${by > 0 ? "One more" : "One less"}: ${product.name}`);
    return button;
  };
  by_id("basket-lines").replaceChildren(
    ...lines.map((product) => {
      const quantity = shop.basket.get(product.sku);
      return element("li", {},
        element("span", {}, product.name),
        element("span.price", {}, money(product.price_cents * quantity)),
        element("span.amount", {}, step(product, "−", -1), element("b", {}, `${quantity}`), step(product, "+", +1)),
      );
    }),
  );
  by_id("basket-empty").hidden = lines.length > 0;
  by_id("total").textContent = money(total);
  const count = lines.reduce((sum, product) => sum + shop.basket.get(product.sku), 0);
  const in_basket = `${count} in the basket`;
  by_id("to-basket").replaceChildren(element("span", {}, in_basket), element("span", {}, `${money(total)} ↓`));
  by_id("said").textContent = count ? `${in_basket}, ${money(total)}` : "";
  show_way_to_basket();
  if (focus) (document.querySelector(`[data-step="${focus}"]`) ?? by_id("basket")).focus();
}

/** The way to the basket is of use while there is something in it and it is out of sight. */
function show_way_to_basket() {
  by_id("to-basket").hidden = shop.basket.size === 0 || shop.basket_in_sight;
}

function show_orders() {
  const list = by_id("orders");
  const before = new Map([...list.children].map((item) => [item.dataset.order, item]));
  const first = before.size === 0;
  list.replaceChildren(
    ...shop.orders.map((order) => {
      const now = JSON.stringify(order);
      const item = before.get(`${order.id}`);
      // What has not changed stays as it is, with its focus and its open dialogues.
      if (item?.dataset.shown === now) return item;
      const made = order_item(order);
      made.dataset.order = order.id;
      made.dataset.shown = now;
      if (!item && !first) made.classList.add("new");
      return made;
    }),
  );
  by_id("orders-empty").hidden = shop.orders.length > 0;
}

function order_item(order) {
  const sent = order.mail.state === "sent";
  return element("li", {},
    element("div", {},
      element("h3", {}, `No. ${order.id} `, order.mine ? element("span.mine", {}, "yours ") : null,
        element("span.quiet", {}, `${order.email}, ${clock(order.placed_at)}`)),
      element("p.what", {}, order.lines.map((line) => `${line.quantity} × ${line.name}`).join(", ")),
    ),
    element("div.side", {},
      element("p.price", {}, money(order.total_cents)),
      element(`span.state.${sent ? "sent" : "queued"}`, {}, sent ? "Mail sent" : "Mail queued"),
    ),
    order.mine ? receipt(order) : null,
  );
}

function receipt(order) {
  const own = element("div.own");
  if (order.receipt) {
    const link = element("a", { href: order.receipt.url, target: "_blank", rel: "noopener" });
    if (order.receipt.type.startsWith("image/")) {
      // The size is part of the address, so that a new picture is not taken for the old one.
      link.append(element("img", { src: `${order.receipt.url}?${order.receipt.bytes}`, alt: `Receipt of order ${order.id}` }));
    } else {
      link.append("Receipt (PDF)");
    }
    own.append(link);
  }
  const problem = element("p.problem", { hidden: true });
  problem.setAttribute("role", "alert");
  const input = element("input", { type: "file", accept: "image/png,image/jpeg,image/gif,image/webp,application/pdf" });
  const words = element("span", {}, order.receipt ? "Another receipt" : "Add a receipt");
  const label = element("label.upload", {}, input, words);
  input.setAttribute("aria-label", `Receipt of order ${order.id}: a picture or a PDF`);
  input.onchange = async () => {
    const file = input.files[0];
    if (!file) return;
    problem.hidden = true;
    label.classList.add("busy");
    try {
      // Read first: a file that can't be read is another mistake than a shop that can't be reached.
      const body = await file.arrayBuffer();
      const { answer } = await ask(`/api/orders/${order.id}/receipt`, { method: "POST", body });
      replace(answer.order);
    } catch (error) {
      problem.textContent = reason(error);
      problem.hidden = false;
    } finally {
      label.classList.remove("busy");
      input.value = "";
    }
  };
  own.append(label, problem);
  return own;
}

// ---- Doing ----

function change(sku, by) {
  const quantity = Math.min((shop.basket.get(sku) ?? 0) + by, LINES_AT_MOST);
  if (quantity > 0) shop.basket.set(sku, quantity);
  else shop.basket.delete(sku);
  shop.order_key = null;
  by_id("placed").textContent = "";
  show_problems({});
  show_basket();
}

/** Shows what is wrong beside the field it is about, and goes to the first of them. */
function show_problems(fields) {
  for (const name of ["lines", "email", "name"]) {
    const problem = by_id(`${name}-problem`);
    problem.textContent = fields[name] ?? "";
    problem.hidden = !fields[name];
    by_id(name)?.setAttribute("aria-invalid", `${Boolean(fields[name])}`);
  }
  const first = ["email", "name"].find((name) => fields[name]);
  if (first) by_id(first).focus();
}

async function place(event) {
  event.preventDefault();
  const button = by_id("place");
  const placed = by_id("placed");
  placed.textContent = "";
  show_problems({});
  button.disabled = true;
  // The same key until it has worked: pressed again after a lost answer, it is still one order.
  shop.order_key ??= crypto.getRandomValues(new Uint32Array(4)).join("-");
  try {
    const { answer } = await ask("/api/orders", {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": shop.order_key },
      body: JSON.stringify({
        email: by_id("email").value,
        name: by_id("name").value,
        lines: [...shop.basket].map(([sku, quantity]) => ({ sku, quantity })),
      }),
    });
    shop.order_key = null;
    shop.basket.clear();
    show_basket();
    replace(answer.order);
    placed.textContent = `Thank you. Your order has the number ${answer.order.id}.`;
  } catch (error) {
    const fields = error instanceof Refused ? error.fields : {};
    show_problems(Object.keys(fields).length ? fields : { lines: reason(error) });
  } finally {
    button.disabled = false;
  }
  look_again_in(300);
}

/** Puts an order that the API has just given us into its place. */
function replace(order) {
  const others = shop.orders.filter((known) => known.id !== order.id);
  shop.orders = [order, ...others].sort((a, b) => b.id - a.id);
  show_orders();
}

// ---- Looking, again and again ----

let timer;

function look_again_in(milliseconds) {
  clearTimeout(timer);
  timer = setTimeout(look, milliseconds);
}

async function look() {
  try {
    if (shop.products.length === 0) {
      // The cookie first, and once: requests sent side by side without it would each be given another.
      await ask("/api/session");
      const { answer } = await ask("/api/products");
      Object.assign(shop, answer);
      show_products();
      show_basket();
    }
    const { answer, headers } = await ask("/api/orders");
    shop.orders = answer.orders;
    show_orders();
    by_id("cache").textContent = { hit: "the cache", miss: "the database" }[headers.get("X-Cache")] ?? "the database, as the cache is away";
    const [{ answer: about }, { answer: { report } }] = await Promise.all([ask("/api/about"), ask("/api/reports/latest")]);
    by_id("about").textContent = `the copy of api on port ${about.port} (process ${about.pid})`;
    by_id("report").textContent = report
      ? `${report.orders} orders, ${money(report.revenue_cents)}, at ${clock(report.made_at)}`
      : "none yet; there is one every five minutes";
    show_outage(null);
  } catch (error) {
    show_outage(`${reason(error)} This page keeps trying.`);
  }
  const waiting = shop.orders.some((order) => order.mail.state !== "sent");
  if (!document.hidden) look_again_in(waiting ? 700 : 3000);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) look();
});
by_id("basket").addEventListener("submit", place);
new IntersectionObserver(([seen]) => {
  shop.basket_in_sight = seen.isIntersecting;
  show_way_to_basket();
}).observe(by_id("basket"));
by_id("products").replaceChildren(...Array.from({ length: 6 }, () => element("li.waiting")));
show_basket();
look();
