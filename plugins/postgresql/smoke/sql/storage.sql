-- Known answers: large values in and out of line, compressed and not; COPY in three formats; VACUUM in its kinds.
CREATE TABLE big (id int, v text, w text);
ALTER TABLE big ALTER w SET STORAGE EXTERNAL;
INSERT INTO big SELECT i, (SELECT string_agg(md5((i * 1000 + j)::text), '') FROM generate_series(1, i * 60) j), repeat('pattern ' || i, i * 500) FROM generate_series(1, 12) i;
UPDATE big SET v = repeat(left(v, 1000), 5), w = w || id WHERE id % 3 = 0;
SELECT id, length(v), md5(v), length(w), md5(w), pg_column_size(w) >= length(w) AS plain FROM big ORDER BY id;
SELECT count(*) FILTER (WHERE pg_column_size(v) < length(v) / 2) AS squeezed FROM big;
SELECT id, substr(v, 1000, 20), substr(w, 100, 20) FROM big WHERE id IN (1, 6, 9) ORDER BY id;
CREATE TABLE many (id int, s text, f float8, n numeric, b bytea, t timestamptz, a text[], j jsonb);
INSERT INTO many SELECT i, CASE WHEN i % 7 <> 0 THEN E'l\t' || i || E'\n\\"' END, i / 3.0::float8, i * 1.25, decode(md5(i::text), 'hex'), timestamptz '2000-01-01 00:00Z' + i * interval '61 minutes', array['a,' || i, NULL], jsonb_build_object('i', i) FROM generate_series(1, 2000) i;
\getenv dir PG_ABS_BUILDDIR
\set text :dir '/results/many.text'
\set csv :dir '/results/many.csv'
\set bin :dir '/results/many.bin'
CREATE TABLE many_t (LIKE many); CREATE TABLE many_c (LIKE many); CREATE TABLE many_b (LIKE many);
COPY many TO :'text';
COPY many TO :'csv' WITH (FORMAT csv, HEADER, NULL 'nil', FORCE_QUOTE (s));
COPY many TO :'bin' WITH (FORMAT binary);
COPY many_t FROM :'text';
COPY many_c FROM :'csv' WITH (FORMAT csv, HEADER, NULL 'nil');
COPY many_b FROM :'bin' WITH (FORMAT binary);
SELECT count(*) FROM (TABLE many EXCEPT TABLE many_t) x;
SELECT count(*) FROM (TABLE many EXCEPT TABLE many_c) x;
SELECT count(*) FROM (TABLE many EXCEPT TABLE many_b) x;
SELECT (SELECT count(*) FROM many_t), (SELECT count(*) FROM many_c), (SELECT count(*) FROM many_b);
COPY (SELECT id, s, f, a, j FROM many WHERE id IN (1, 7)) TO STDOUT;
COPY (SELECT id, s, f, a, j FROM many WHERE id IN (1, 7)) TO STDOUT WITH (FORMAT csv);
COPY many (id, n) FROM STDIN WITH (FORMAT csv, DELIMITER ';');
5001;1.5
5002;oops
\.
SELECT md5(string_agg(md5(x::text), '' ORDER BY id)) FROM many_b x;
SELECT md5(string_agg(md5(textin(record_out(x))), '' ORDER BY id)) FROM many_t x;
DELETE FROM many WHERE id % 2 = 0;
VACUUM many;
VACUUM (FULL, ANALYZE) many;
CREATE INDEX many_t_id ON many_t (id);
CLUSTER many_t USING many_t_id;
VACUUM (FREEZE) many_t;
TRUNCATE many_c;
SELECT count(*), sum(id) FROM many;
SELECT count(*), sum(id) FROM many_t;
SELECT count(*) FROM many_c;
SELECT relpages > 0 AS has_pages, reltuples FROM pg_class WHERE relname = 'many';
SELECT most_common_vals IS NULL AS all_distinct, n_distinct FROM pg_stats WHERE tablename = 'many' AND attname = 'id';
SELECT lo_create(4242); SELECT lo_put(4242, 0, 'large object'); SELECT lo_put(4242, 5000, 'end'); SELECT length(lo_get(4242)), md5(lo_get(4242)), lo_get(4242, 5000, 3); SELECT lo_unlink(4242);
ALTER TABLE many_t ADD COLUMN extra int DEFAULT 42, ALTER COLUMN id TYPE text USING 'i' || id, DROP COLUMN b;
SELECT id, extra, j FROM many_t ORDER BY t LIMIT 2;
