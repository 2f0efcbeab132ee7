-- Known answers: constants to 100 places, as any table of them has it.
SELECT exp(1::numeric(120,100)) AS e;
SELECT ln(2::numeric(120,100)) AS ln2;
SELECT sqrt(2::numeric(120,100)) AS sqrt2;
CREATE FUNCTION arctan_of_inverse(x int) RETURNS numeric LANGUAGE sql AS $$
  SELECT sum((1 - k % 2 * 2)::numeric(160,120) / ((2 * k + 1) * x::numeric ^ (2 * k + 1))) FROM generate_series(0, 84) k
$$;
SELECT round(16 * arctan_of_inverse(5) - 4 * arctan_of_inverse(239), 100) AS pi;
SELECT factorial(50), 2::numeric ^ 200, 3::numeric ^ 100;
SELECT div(factorial(60), factorial(55)), mod(2::numeric ^ 127 - 1, 1000000007), gcd(factorial(20), 1000000007 * 1024::numeric);
SELECT 0.1 + 0.2 = 0.3, 1 / 3::numeric, 2 / 3::numeric, 10::numeric / 7, 1e-20 / 3, 1e20 / 3;
SELECT round(2.5), round(3.5), round(-2.5), round(2.345, 2), trunc(-2.789, 1), ceil(-1.1), floor(-1.1), round(12345, -2);
SELECT 99999999999999999999999999.99 + 0.01, 1e30 - 1, 123456789012345678901234567890 * 987654321098765432109876543210;
SELECT power(1.0000001, 10000000), log(2, 1024), ln(10::numeric), exp(-10::numeric);
SELECT 'NaN'::numeric = 'NaN'::numeric, 'Infinity'::numeric > 1e100, 'NaN'::numeric > 'Infinity'::numeric, '-Infinity'::numeric + 1;
SELECT 'Infinity'::numeric - 'Infinity'::numeric, 1.10 = 1.1, 1.10, scale(1.10), trim_scale(1.10), min_scale(1.100);
SELECT 12345.678::numeric(6,2);
SELECT 1 / 0.0;
SELECT ln(0.0);
SELECT sqrt(-1.0);
SELECT to_char(-1234567.891, '9,999,999.99'), to_char(1234, 'RN'), to_char(0.5, 'FM990.00'), to_char(485, '"Good number:"999');
SELECT to_number('1,234.50-', '9,999.99S'), width_bucket(5.35, 0.024, 10.06, 5), width_bucket(5, array[1, 3, 4, 10]);
SELECT sum(x), avg(x), variance(x), stddev(x), stddev_pop(x), min(x), max(x) FROM (SELECT i * 0.001 FROM generate_series(1, 10000) i) t(x);
SELECT sum(1::numeric / i) AS harmonic FROM generate_series(1, 1000) i;
SELECT sum(v), count(DISTINCT v), min(v), max(v) FROM (SELECT (i * 7919::numeric * 104729) % 1000003 / 64 FROM generate_series(1, 20000) i) t(v);
