INSERT INTO products (position, sku, name, description, price_cents) VALUES
    (1, 'notebook', 'Field notebook',  '96 pages, dot grid, sewn to lie flat.',               1200),
    (2, 'pen',      'Fountain pen',    'Brass, a fine steel nib. Older than it looks.',       6400),
    (3, 'ink',      'Iron-gall ink',   '50 ml. Writes blue, dries black, stays for centuries.', 1450),
    (4, 'pencils',  'Cedar pencils',   'Six of them, from 2H to 2B, sharpened by hand.',      900),
    (5, 'letters',  'Letter paper',    '40 sheets of laid paper and 20 envelopes.',           1800),
    (6, 'lamp',     'Desk lamp',       'For the hour when the letter is nearly done.',        8900);
