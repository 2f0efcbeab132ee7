-- Known answers: the Snowball stemmers and the text search parser.
SELECT to_tsvector('english', 'The quick brown foxes were jumping over the laziest dogs, quickly!');
SELECT to_tsvector('german', 'Die Häuser der Bücherfreunde brannten'), to_tsvector('french', 'Les chevaux mangeaient continuellement'), to_tsvector('russian', 'Красивые кошки бежали'), to_tsvector('simple', 'A b-c d.e@f.org http://x.org/y?z 3.14 -5');
SELECT to_tsquery('english', 'jumping & (fox | cats) & !dogs'), plainto_tsquery('english', 'The Fat Rats'), phraseto_tsquery('english', 'jumping dogs'), websearch_to_tsquery('english', '"sad cat" or -fat rat');
SELECT to_tsvector('english', 'a fat cat sat on a mat') @@ 'cat & mat', to_tsvector('english', 'a fat cat sat') @@ 'fat <-> cat', to_tsvector('english', 'cat fat') @@ 'fat <-> cat', 'super:*'::tsquery @@ 'supernova'::tsvector;
SELECT round(ts_rank(v, q)::numeric, 6), round(ts_rank_cd(v, q)::numeric, 6), ts_headline('english', 'The fat cats ate rats', q), numnode(q), strip(v) FROM (SELECT to_tsvector('english', 'The fat cats ate rats'), to_tsquery('english', 'cat & rat')) t(v, q);
SELECT * FROM ts_parse('default', 'foo-bar 12.5e3 <b>x</b> a@b.co /usr/lib');
SELECT ts_lexize('english_stem', 'stars'), ts_lexize('english_stem', 'the'), ts_lexize('german_stem', 'Vereinigungen'), ts_lexize('dutch_stem', 'lichamelijkheden'), ts_lexize('spanish_stem', 'torneos'), ts_lexize('finnish_stem', 'edeltäjistään'), ts_lexize('turkish_stem', 'kitaplar');
CREATE TABLE docs AS SELECT i, to_tsvector('english', 'document ' || i || ' mentions ' || (array['databases', 'compilers', 'kernels', 'networks'])[i % 4 + 1] || ' and numbers like ' || i % 50) AS v FROM generate_series(1, 3000) i;
CREATE INDEX docs_gin ON docs USING gin (v);
CREATE INDEX docs_gist ON docs USING gist (v);
SET enable_seqscan = off;
SELECT count(*), sum(i) FROM docs WHERE v @@ to_tsquery('english', 'compiler & 13');
SELECT count(*) FROM docs WHERE v @@ to_tsquery('english', '(kernel | network) & !7');
DROP INDEX docs_gin;
SELECT count(*), sum(i) FROM docs WHERE v @@ to_tsquery('english', 'compiler & 13');
SELECT word, ndoc FROM ts_stat('SELECT v FROM docs') ORDER BY ndoc DESC, word LIMIT 8;
