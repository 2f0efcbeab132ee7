-- Known answers: window functions, grouping sets, recursion.
CREATE TEMP TABLE w AS SELECT i, i % 4 AS g, (i * 37) % 101 AS v FROM generate_series(1, 24) i;
SELECT i, g, v, row_number() OVER p, rank() OVER (ORDER BY g), dense_rank() OVER (ORDER BY g), lag(v) OVER p, lead(v, 2, -1) OVER p, first_value(v) OVER p, ntile(3) OVER p, sum(v) OVER p AS run FROM w WINDOW p AS (PARTITION BY g ORDER BY v) ORDER BY g, v;
SELECT i, sum(v) OVER (ORDER BY i ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING) AS rows, min(v) OVER (ORDER BY i RANGE BETWEEN 3 PRECEDING AND CURRENT ROW) AS range, count(*) OVER (ORDER BY g GROUPS BETWEEN 1 PRECEDING AND 1 PRECEDING) AS groups, max(v) OVER (ORDER BY i ROWS BETWEEN 3 PRECEDING AND 3 FOLLOWING EXCLUDE CURRENT ROW) AS excl, nth_value(v, 3) OVER (ORDER BY i ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS nth FROM w ORDER BY i LIMIT 12;
SELECT round(percent_rank() OVER (ORDER BY v)::numeric, 4), round(cume_dist() OVER (ORDER BY v)::numeric, 4) FROM w ORDER BY v LIMIT 4;
SELECT percentile_cont(0.25) WITHIN GROUP (ORDER BY v), percentile_disc(0.5) WITHIN GROUP (ORDER BY v), mode() WITHIN GROUP (ORDER BY v % 5), rank(50) WITHIN GROUP (ORDER BY v) FROM w;
SELECT g, v % 2 AS odd, count(*), sum(v), grouping(g, v % 2) FROM w GROUP BY CUBE (g, v % 2) ORDER BY 5, 1, 2;
SELECT g, count(*) FROM w GROUP BY ROLLUP (g) HAVING sum(v) > 100 ORDER BY g NULLS FIRST;
WITH RECURSIVE f(n, a, b) AS (SELECT 1, 0::numeric, 1::numeric UNION ALL SELECT n + 1, b, a + b FROM f WHERE n < 150) SELECT n, a FROM f WHERE n IN (10, 50, 100, 150) ORDER BY n;
WITH RECURSIVE
  x(y, c) AS (SELECT r * 0.1 - 1.2, r FROM generate_series(0, 24, 2) r),
  z(iy, ix, cx, cy, zx, zy, n) AS (
    SELECT c, k, k * 0.05 - 2.0, y, 0::numeric, 0::numeric, 0 FROM x, generate_series(0, 60) k
    UNION ALL
    SELECT iy, ix, cx, cy, round(zx * zx - zy * zy + cx, 6), round(2 * zx * zy + cy, 6), n + 1 FROM z WHERE zx * zx + zy * zy <= 4 AND n < 27)
SELECT string_agg(substr(' .,:;-=+*oxOX%&$#@@@@@@@@@@', greatest(m, 1), 1), '' ORDER BY ix) AS mandelbrot FROM (SELECT iy, ix, max(n) AS m FROM z GROUP BY iy, ix) q GROUP BY iy ORDER BY iy;
WITH RECURSIVE q(n, cols) AS (SELECT 0, '{}'::int[] UNION ALL SELECT n + 1, cols || c FROM q, generate_series(1, 6) c
  WHERE n < 6 AND NOT EXISTS (SELECT FROM unnest(cols) WITH ORDINALITY u(p, r) WHERE p = c OR abs(p - c) = n + 1 - r))
SELECT cols AS six_queens FROM q WHERE n = 6 ORDER BY cols;
SELECT a FROM generate_series(1, 10) a EXCEPT SELECT b * 2 FROM generate_series(1, 3) b INTERSECT ALL SELECT 4 ORDER BY 1;
SELECT o.i, l.m FROM generate_series(1, 3) o(i), LATERAL (SELECT max(v) AS m FROM w WHERE g = o.i) l ORDER BY 1;
