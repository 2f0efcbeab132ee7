-- Known answers: POSIX advanced regular expressions.
SELECT 'abcabc' ~ '^(abc)\1$', 'abcabd' ~ '^(abc)\1$', 'foobar' ~* 'O{2}B', 'x' !~ 'y', 'a' ~ '[[:alpha:]]', 'é' ~ '^.$', '5' ~ '\d', 'ab' ~ 'a(?=b)', 'ab' ~ 'a(?!b)', 'xab' ~ '(?<=x)a';
SELECT substring('foobar' FROM 'o(.)b'), regexp_match('foobarbequebaz', '(bar)(beque)'), regexp_replace('Thomas', '.[mN]a.', 'M'), regexp_replace('foobarbaz', 'b(..)', 'X\1Y', 'g');
SELECT regexp_matches('foobarbequebazilbarfbonk', '(b[^b]+)(b[^b]+)', 'g');
SELECT regexp_split_to_array('the  quick brown', '\s+'), regexp_count('ABCABCAXYaxy', 'A.', 1, 'i'), regexp_instr('ABCDEFGHI', 'D..'), regexp_substr('ABCDEFGHI', 'D..'), regexp_like('Hello', 'world$', 'i');
SELECT 'XY1234Z' ~ 'Y*?([0-9]{1,3})', substring('XY1234Z', 'Y*([0-9]{1,3})'), substring('XY1234Z', 'Y*?([0-9]{1,3})'), 'aaa' ~ '^a{2}$', 'a.c' ~ 'a\.c', E'a\nb' ~ 'a$', E'a\nb' ~ '(?n)a$';
SELECT 'a' ~ '(';
SELECT 'a' ~ 'a{2,1}';
SELECT count(*) FILTER (WHERE i::text ~ '^(\d)\d*\1$'), count(*) FILTER (WHERE i::text ~ '(.)(.)\2\1'), count(*) FILTER (WHERE i::text ~ '^[1-9](0|5)+$'), count(*) FILTER (WHERE i::text ~ '^(1|12|123)*4?$') FROM generate_series(1, 5000) i;
SELECT repeat('a', 30) || 'b' ~ '^(a|aa)+$', repeat('ab', 500) ~ '^(ab)*$', length(regexp_replace(repeat('xyz', 1000), '[xz]', '', 'g')), 'ÀÉ' ~ '[À-É]{2}';
SELECT substring('abcdefg' SIMILAR 'a#"%#"g' ESCAPE '#'), 'a+b' ~ '***=a+b', 'The Cat' ~ '\mC', 'The Cat' ~ '\MC', 'ab' ~ '\yab\Y', 'AbC' ~ '(?i)aBc';
