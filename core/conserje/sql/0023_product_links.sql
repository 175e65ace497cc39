-- Works with processes of schema 7.
-- A product's picture, and where it is shown and sold; an empty text is none.

ALTER TABLE products
    ADD COLUMN picture text NOT NULL DEFAULT ''
        CONSTRAINT products_picture_check CHECK (picture ~ '^(https://[^[:space:]/]+(/[^[:space:]]*)?)?$'),
    ADD COLUMN link text NOT NULL DEFAULT ''
        CONSTRAINT products_link_check CHECK (link ~ '^(https://[^[:space:]/]+(/[^[:space:]]*)?)?$');
