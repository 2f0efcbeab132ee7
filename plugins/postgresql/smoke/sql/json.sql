-- Known answers: RFC 8259 and SQL/JSON.
SELECT '{"a":1,"b":[1,2,{"c":null}],"a":2}'::json, '{"b":[1,2,{"c":null}],"a":1, "a":2}'::jsonb, '"\u00e9\ud834\udd1e\n"'::jsonb, '1.50e2'::jsonb, ' [ ] '::jsonb;
SELECT '{"a":}'::json;
SELECT '[1,2'::jsonb;
SELECT '"\ud834"'::jsonb;
SELECT j -> 'a' ->> 1, j #> '{b,c}', j #>> '{b,c,0}', j ? 'a', j ?| array['x', 'b'], j ?& array['a', 'x'], j @> '{"b":{"d":1.0}}', j -> 'zz', j -> 'a' -> -1 FROM (SELECT '{"a":[1,"two",3.50],"b":{"c":[true],"d":1}}'::jsonb) t(j);
SELECT '{"a":1,"b":2}'::jsonb || '{"b":3,"c":4}', '[1,2]'::jsonb || '3', '{"a":1,"b":2}'::jsonb - 'a', '[1,2,3]'::jsonb - 1, '{"a":{"b":[1,2]}}'::jsonb #- '{a,b,0}';
SELECT jsonb_set('{"a":[1,2]}', '{a,1}', '{"x":null}'), jsonb_insert('[1,3]', '{1}', '2'), jsonb_strip_nulls('{"a":null,"b":{"c":null,"d":1}}'), jsonb_pretty('{"a":[1,{"b":2}]}');
SELECT jsonb_path_query('{"t":[{"v":5},{"v":12},{"v":20}]}', '$.t[*] ? (@.v > 10).v'), jsonb_path_exists('[1,2,3]', '$[*] ? (@ >= 3)');
SELECT jsonb_path_query_array('[1,2,3,4]', '$[*] ? (@ % 2 == 0)'), jsonb_path_query_first('"abc"', '$ ? (@ like_regex "^A" flag "i")'), '[1,"2"]'::jsonb @@ '$[0] == 1', jsonb_path_query_first('[4]', '$[0] * 10 - 2'), jsonb_path_query('[3.7,-1]', '$[*].floor()');
SELECT key, value FROM jsonb_each('{"b":[2],"a":{"x":1},"aa":"z"}');
SELECT * FROM jsonb_to_recordset('[{"a":1,"b":"x"},{"a":"2","c":true}]') AS t(a int, b text, c bool);
SELECT json_agg(i), jsonb_object_agg('k' || i, i * i), json_build_object('a', 1, 'b', array[1, 2], 'c', row(1, 'x'), 'd', 1.5::float8, 'e', date '2000-01-01') FROM generate_series(1, 4) i;
SELECT to_jsonb('a"b\'::text), to_json(array[true, NULL]), jsonb_typeof('1.0'), jsonb_array_length('[1,[2,3]]'), row_to_json(t), jsonb '1' < '2', jsonb '"a"' < '[]', jsonb '{}' > '[]' FROM (VALUES (1, 'x')) t(n, s);
SELECT md5(string_agg(j::text, ',' ORDER BY i)), count(*) FILTER (WHERE j @> '{"m":3}'), sum((j ->> 'n')::numeric), count(DISTINCT j -> 'l') FROM (SELECT i, jsonb_build_object('m', i % 7, 'n', i * 0.5, 'l', to_jsonb(array[i % 3, i % 5])) FROM generate_series(1, 3000) i) t(i, j);
SELECT count(DISTINCT jsonb_hash_extended(x, 1)) = 200 AS distinct_hashes, jsonb_hash('{"a":1,"b":2}') = jsonb_hash('{"b":2,"a":1.0}') AS equal_hashes FROM (SELECT to_jsonb(i) FROM generate_series(1, 200) i) t(x);
