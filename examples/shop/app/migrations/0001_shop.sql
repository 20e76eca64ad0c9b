CREATE TABLE products (
    sku         text PRIMARY KEY,
    name        text NOT NULL,
    description text NOT NULL,
    price_cents integer NOT NULL CHECK (price_cents > 0),
    position    integer NOT NULL
);

CREATE TABLE orders (
    id              bigint GENERATED ALWAYS AS IDENTITY (START WITH 1001) PRIMARY KEY,
    visitor         text NOT NULL,
    -- Chosen by the client: asking twice with the same key gives one order.
    idempotency_key text,
    email           text NOT NULL,
    name            text NOT NULL,
    total_cents     integer NOT NULL CHECK (total_cents > 0),
    placed_at       timestamptz NOT NULL DEFAULT now(),
    -- The object in the bucket, once the customer has uploaded a receipt.
    receipt_key     text,
    receipt_type    text,
    receipt_bytes   integer,
    UNIQUE (visitor, idempotency_key)
);

CREATE TABLE order_lines (
    order_id    bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
    sku         text NOT NULL REFERENCES products,
    quantity    integer NOT NULL CHECK (quantity BETWEEN 1 AND 99),
    -- What it cost when it was ordered.
    price_cents integer NOT NULL CHECK (price_cents > 0),
    PRIMARY KEY (order_id, sku)
);

-- The mails that are owed, written with the order that owes them. The queue only says which is next.
CREATE TABLE mails (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id  bigint NOT NULL UNIQUE REFERENCES orders ON DELETE CASCADE,
    state     text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent')),
    queued_at timestamptz NOT NULL DEFAULT now(),
    sent_at   timestamptz,
    body      text
);
CREATE INDEX mails_waiting ON mails (queued_at) WHERE state = 'queued';

CREATE TABLE reports (
    made_at       timestamptz PRIMARY KEY,
    orders        bigint NOT NULL,
    revenue_cents bigint NOT NULL,
    mails_waiting bigint NOT NULL,
    object_key    text NOT NULL
);

-- A time as JSON wants it, to the millisecond, whatever the session's time zone.
CREATE FUNCTION to_char_utc(at timestamptz) RETURNS text
    LANGUAGE sql STABLE STRICT
    RETURN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
