-- Known answers: procedures, exceptions, triggers, and the number theory that they compute.
CREATE FUNCTION fib(n int) RETURNS int8 LANGUAGE plpgsql AS $$ BEGIN IF n < 2 THEN RETURN n; END IF; RETURN fib(n - 1) + fib(n - 2); END $$;
SELECT fib(15);
CREATE FUNCTION sieve(n int) RETURNS SETOF int LANGUAGE plpgsql AS $$
DECLARE composite bool[] := array_fill(false, array[n]); j int;
BEGIN
  FOR i IN 2..n LOOP
    CONTINUE WHEN composite[i];
    RETURN NEXT i;
    j := i * 2;
    WHILE j <= n LOOP composite[j] := true; j := j + i; END LOOP;
  END LOOP;
END $$;
SELECT count(*), sum(p), max(p) FROM sieve(5000) p;
CREATE FUNCTION crc32(b bytea) RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE c int8 := 4294967295;
BEGIN
  FOR i IN 0..length(b) - 1 LOOP
    c := c # get_byte(b, i);
    FOR k IN 1..8 LOOP c := (c >> 1) # (3988292384 * (c & 1)); END LOOP;
  END LOOP;
  RETURN c # 4294967295;
END $$;
SELECT to_hex(crc32('123456789')), to_hex(crc32('The quick brown fox jumps over the lazy dog'));
CREATE FUNCTION try(q text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text; s text;
BEGIN EXECUTE q; RETURN 'fine';
EXCEPTION WHEN division_by_zero THEN RETURN 'zero'; WHEN OTHERS THEN GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, s = RETURNED_SQLSTATE; RETURN s || ' ' || m; END $$;
SELECT try('SELECT 1'), try('SELECT 1/0'), try('SELECT 10::int2 * 10000::int2'), try('SELECT nope'), try('SELECT ''x''::int'), try('SELEC'), try('SELECT (SELECT 1 UNION ALL SELECT 2)');
CREATE TABLE audited (id serial PRIMARY KEY, v int, seen text);
CREATE TABLE audit (n serial, what text);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit (what) VALUES (TG_WHEN || ' ' || TG_OP || ' ' || coalesce(OLD.v::text, '-') || ' ' || coalesce(NEW.v::text, '-'));
  IF TG_WHEN = 'BEFORE' AND TG_OP <> 'DELETE' THEN NEW.seen := upper(NEW.seen); RETURN NEW; END IF;
  RETURN coalesce(NEW, OLD);
END $$;
CREATE TRIGGER b BEFORE INSERT OR UPDATE OR DELETE ON audited FOR EACH ROW EXECUTE FUNCTION audit();
CREATE TRIGGER a AFTER UPDATE ON audited FOR EACH ROW WHEN (OLD.v IS DISTINCT FROM NEW.v) EXECUTE FUNCTION audit();
INSERT INTO audited (v, seen) VALUES (1, 'one'), (2, 'two');
UPDATE audited SET v = v * 10 WHERE id = 2;
UPDATE audited SET seen = 'x' WHERE id = 1;
DELETE FROM audited WHERE id = 1;
SELECT * FROM audited;
SELECT what FROM audit ORDER BY n;
CREATE PROCEDURE transfer(INOUT n int) LANGUAGE plpgsql AS $$
BEGIN FOR i IN 1..n LOOP INSERT INTO audit (what) VALUES ('p' || i); IF i % 2 = 0 THEN COMMIT; ELSE ROLLBACK; END IF; END LOOP; SELECT count(*) INTO n FROM audit WHERE what LIKE 'p%'; END $$;
CALL transfer(6);
DO $$ DECLARE r record; s text := ''; BEGIN FOR r IN SELECT i, chr(96 + i) AS c FROM generate_series(1, 5) i LOOP s := s || r.c || r.i; END LOOP; RAISE NOTICE 'said %', s; ASSERT s = 'a1b2c3d4e5'; END $$;
CREATE FUNCTION add(VARIADIC n int[]) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT sum(x)::int FROM unnest(n) x';
SELECT add(1, 2, 3), add(VARIADIC array[10, 20]);
CREATE FUNCTION collatz(n int8, OUT steps int, OUT top int8) LANGUAGE plpgsql AS $$
BEGIN steps := 0; top := n; WHILE n <> 1 LOOP n := CASE WHEN n % 2 = 0 THEN n / 2 ELSE 3 * n + 1 END; steps := steps + 1; top := greatest(top, n); END LOOP; END $$;
SELECT n, (collatz(n)).* FROM unnest(array[7, 27, 97, 871]) n;
CREATE AGGREGATE product(numeric) (SFUNC = numeric_mul, STYPE = numeric, INITCOND = 1);
SELECT product(i) FROM generate_series(1, 25) i;
