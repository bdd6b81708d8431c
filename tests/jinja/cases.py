"""Templates of our own for what Jinja2 and Python do, one behaviour each. `referee.py --cases` records what they give."""

VALUES = {
    "t": "Hello World", "u": "Grüße, Öl & <b>", "lines": "a\n\n  b\r\nc", "empty": "", "n": 7, "neg": -7, "f": 2.5, "yes": True,
    "no": False, "nil": None, "xs": [3, 1, 2], "names": ["bob", "Ada", "cy"], "d": {"b": 1, "a": [1, 2], "items": "key", "x y": "z"},
    "people": [{"name": "Ada", "age": 36, "to": {"x": 1}}, {"name": "bob", "age": 7, "to": {"x": 2}}, {"name": "cy", "age": 36}],
    "tree": [{"n": "r", "kids": [{"n": "s", "kids": []}, {"n": "t", "kids": [{"n": "u", "kids": []}]}]}],
    "big": 18446744073709551615, "mixed": {"s": "a'b\"c\n", "l": [1, 2.0, None, True, "é", "\u0001", {"k": []}], "e": {}, "f": 1e20},
}

EXPRESSIONS = """
1 + 2 * 3 - 4 // 3 ~ 'x'
2 ** 3 ** 2|int
-2 ** 2
7 // 2, -7 // 2, 7 // -2, -7 % 3, 7 % -3, 7.5 // 2, -7.5 % 2
7 / 2, 6 / 3, 2 ** -1, 2 ** 0.5, 10 ** 20, 1e16, 1e15, 1.5e-7, 0.0001, 0.00001, 1_000, 0x1F, 0b101, 0o17
1 == 1.0, true == 1, '1' == 1, [1] == [1.0], (1,) == [1], {'a': 1} == {'a': 1.0}
1 < 2 < 3, 1 < 3 < 2, 'a' < 'b', [1, 2] < [1, 3], 1 <= 1 != 2
not 1 == 2, not true and false, true or false and false
1 in xs, 4 not in xs, 'ell' in t, 'b' in d, 'z' in d, none in [none]
'a' if n > 3 else 'b', 'a' if n > 30, ('a' if no) is defined
'a' 'b' "c"
'a' ~ 1 ~ none ~ undefined_thing ~ [1, 'x'] ~ 2.0
'a' + 'b' * 3, 3 * 'ab', [1] + [2], [0] * 3, (1,) + (2,)
[1, 2, 3][-1], [1, 2, 3][5] is defined, t[0], t[-1], t[1:4], t[::-1], t[::2], xs[1:], xs[:-1], xs[-2:], xs[::-1], t[20:]
u[0:3], u|length, u|upper, u|lower, u|title, u|capitalize, 'ß'|upper
d.b, d['b'], d.items() | list, d['items'], d['x y'], d.nothing, d['nothing'] is undefined, d.get('b'), d.get('q'), d.get('q', 5)
d.keys(), d.values(), d.items(), d.keys()|list, d|list, d|length
people[0].name, people[0]['to'].x, people[2].to is defined, people.0.name
(1, 2), (1,), (), [], {}, {'a': 1, 2: 'b', none: true}, [none, true, 1.0, 'x', "it's", 'q"', '\\n\\t\\\\']
none, true, false, None, True, False
n is odd, n is even, n is divisibleby 7, n is divisibleby(2), f is float, n is integer, yes is integer, yes is number, yes is boolean
t is string, xs is sequence, d is mapping, d is sequence, t is sequence, xs is iterable, nil is none, nil is not none, nope is undefined
range is callable, t is callable, 3 is in xs, 3 is not in xs, 'a' is eq 'a', 3 is gt 2, 3 is ge(3), 3 is lt 2, 1 is sameas true, true is sameas true
'abc' is lower, 'ABC' is upper, 'Abc' is lower, '' is lower, 'upper' is filter, 'odd' is test, 'nope' is filter
yes is true, 1 is true, no is false, nope is defined and nope.x
nope is sequence, nope is iterable, nope is mapping, nope is string, nope is callable
nope|default('x'), nil|default('x'), nil|default('x', true), ''|d('y', boolean=true), nope|d
nope == nope2, nope == none, [nope], nope|length, nope|list, nope or 'z', not nope
xs|sort, names|sort, names|sort(case_sensitive=true), names|sort(reverse=true), people|sort(attribute='age,name')|map(attribute='name')|list
xs|first, xs|last, xs|min, xs|max, xs|sum, names|min, people|sum(attribute='age'), people|max(attribute='age'), []|first, []|min
xs|join, xs|join(', '), people|join('; ', attribute='name'), 'abc'|join('-')
people|map(attribute='to.x', default=0)|list, names|map('upper')|list, names|map('replace', 'b', 'B')|join, people|map(attribute='name')|map('length')|list
people|selectattr('age', 'eq', 36)|map(attribute='name')|list, people|selectattr('to')|list|length, people|rejectattr('to', 'defined')|list
xs|select('odd')|list, xs|reject('odd')|list, xs|select('gt', 1)|list, ['', 'a', none]|select|list, xs|select|first
xs|reverse|list, t|reverse, xs|list|reverse|join, d|reverse|list
[1, 2, 1, 'A', 'a']|unique|list, ['A', 'a']|unique(case_sensitive=true)|list, people|unique(attribute='age')|map(attribute='name')|list
people|groupby('age')|list|length, people|groupby('age')|map(attribute='grouper')|list, (people|groupby('age'))[1].list|length
{'b': 1, 'A': 2, 'c': 0}|dictsort, {'b': 1, 'A': 2}|dictsort(true), {'b': 1, 'A': 2}|dictsort(by='value', reverse=true), d|items|list
range(7)|batch(3)|list, range(7)|batch(3, '-')|list, range(7)|slice(3)|list, range(7)|slice(3, 'x')|list
range(5), range(2, 5)|list, range(5, 0, -2)|list, range(0)|list, range(10)[2], range(10)[2:4]|list, range(3)|length
' x '|trim, 'xxaxx'|trim('x'), t|replace('l', 'L'), t|replace('l', 'L', 1), t|center(21), t|wordcount, t|string, 5|string + '5'
t|truncate(5), [nope|truncate(9)], t|truncate(5, true), 'foo bar baz qux'|truncate(9), 'foo bar baz qux'|truncate(9, true, '…', 0), t|truncate(255)
lines|indent, lines|indent(2, true), lines|indent('> ', first=true, blank=true), 'a'|indent(first=true)
'3'|int, '3.7'|int, 'x'|int, 'x'|int(-1), '0x1f'|int(base=16), '  42 '|int, 3.9|int, -3.9|int, true|int, '1_000'|int, none|int(5)
'3.5'|float, 'x'|float, 'x'|float(1.5), 3|float, '1e3'|float, 'inf'|float, -0.0
2.5|round, 3.5|round, 2.675|round(2), 42.55|round(1, 'floor'), 42.51|round(0, 'ceil'), 5|round, 1234.5|round(-2), 7|round(2)
-3|abs, 3.5|abs, -0.5|abs
'%s is %d, %05.1f, %x, %5s|%-5s|%%' % ('a', 3.9, 2.55, 255, 'r', 'l'), '%(a)s' % {'a': 1}, '%s' % 'x', '%r' % 'x', '%+d % d' % (3, 4), '%e' % 12345.678, '%g' % 0.00001, '%s' % [1]
'%s-%s'|format('a', 1), '%(x)s'|format(x=2)
'{} {}'.format('a', 1), '{1} {0}'.format('a', 'b'), '{x}'.format(x=3), '{0[a]} {0.b}'.format({'a': 1}), '{:>5}|{:<5}|{:^5}|{:*^7}'.format('a', 'b', 'c', 'd'), '{:05d} {:+} {:,} {:.2f} {:x} {:%} {!r} {{}}'.format(42, 5, 1234567, 2.0, 255, 0.5, 'q'), '{:{}}'.format('a', 4), '{:g} {:.3} {:e}'.format(1.0, 2.34567, 100.0)
t.upper(), t.lower(), t.swapcase(), t.title(), 'hello wORLD'.capitalize(), "it's a dog's life".title(), "it's a dog's life"|title, 'a-b (c) d_e'|title
'a,b,,c'.split(','), 'a b  c '.split(), ' a b c'.split(None, 1), 'a,b,c'.split(',', 1), 'a,b,c'.rsplit(',', 1), ' a  b c '.rsplit(None, 1), 'a,b'.split(sep=',', maxsplit=1), ''.split(), ''.split(','), 'abc'.split('abc')
'a\\nb\\r\\nc\\n'.splitlines(), 'a\\nb'.splitlines(true), 'a=b=c'.partition('='), 'a=b=c'.rpartition('='), 'abc'.partition('x')
'  x '.strip(), '  x '.lstrip(), '  x '.rstrip(), 'xyaxy'.strip('yx'), '\\n a \\t'.strip(), '\u00a0a\u2003'.strip()
t.startswith('He'), t.endswith('ld'), t.startswith(('x', 'H')), t.endswith(('x', 'y')), t.startswith('W', 6), t.startswith('')
t.find('o'), t.rfind('o'), t.find('z'), t.find('o', 5), t.index('W'), t.count('l'), t.count(''), 'aaa'.count('aa'), u.find('Ö')
t.replace('o', '0'), t.replace('o', '0', 1), 'aaa'.replace('', '-'), 'ab'.replace('', '-', 1), ', '.join(['a', 'b']), ''.join([])
'7'.zfill(3), '-7'.zfill(4), 'a'.ljust(3, '.'), 'a'.rjust(3), 'ab'.center(5, '*'), 'ab'.center(6), 'abc'.center(6), 'a'.center(4)
'abc'.removeprefix('a'), 'abc'.removesuffix('c'), 'abc'.removeprefix('x')
'12'.isdigit(), 'a1'.isalnum(), 'ab'.isalpha(), ' '.isspace(), ''.isspace(), 'Ab'.isupper(), 'AB1'.isupper(), 'Ab Cd'.istitle(), 'é'.isalpha(), 'é'.isascii(), 'a_b'.isidentifier(), '1a'.isidentifier(), 'a\\n'.isprintable(), '12'.isdecimal(), '12'.isnumeric()
xs.index(1), xs.count(3), (1, 2).index(2), d.copy() == d
d|tojson, mixed|tojson, mixed|tojson(indent=2), mixed|tojson(ensure_ascii=true), mixed|tojson(sort_keys=true), mixed|tojson(separators=(',', ':')), [1, 2]|tojson(indent=4), []|tojson(indent=2), u|tojson, big|tojson, {1: 2, none: 3, true: 4, 1.5: 5}|tojson, (1, 2)|tojson, '🎉'|tojson(ensure_ascii=true), 0.1|tojson, 1e100|tojson
mixed, mixed|string|length, mixed.s|string, big, big + 1, 'é\u0001🎉\u200b' | list, ['é\u0001🎉\u200b']
u|e, u|escape, (u|safe) + '<', '<'|safe ~ '<', ('<b>'|e)|e, '<b>'|safe|length, '<b>'|forceescape
dict(a=1, b=2), dict({'a': 1}, b=2), dict([('a', 1)]), namespace(a=1).a, namespace({'q': 2}).q
'\\x41\\u00e9\\101\\q\\'"', "a\\"b", '\\U0001F389'
xs[0] + xs[1] if xs else 'none', (xs | length) > 2, xs | length > 2, -n|abs, n ** 2 % 5, not xs
loop is defined, caller is defined, self_x is defined, true and 'x' or 'y', none or [] or 'e', 0 or 0.0
'a' is string and 1 is number, [[1, 2], [3]]|map('length')|list, [[1, 2], [3]]|map('sum')|list, [[3], [1]]|sort
t['upper'](), d['get']('b'), xs.append is defined, d.pop is defined, t.__class__ is defined
strftime_now('%Y-%m-%d %H:%M:%S'), strftime_now('%d %b %Y'), strftime_now('%B %-d')
(xs|select('odd')) is iterable, (xs|map('string')) is sequence, 'y' if xs|select('gt', 100) else 'n', xs|map('string')|join('')|length
'a/b c&d'|urlencode, 'x'|attr('upper') is defined, d|attr('b') is defined, [1, [2, 3]]|pprint
joiner('-') is callable, [1, 2, 3]|random is defined if false else 'skipped'
1 if 0 else 2 if 0 else 3, (1 if 1 else 2), [1 if no else 2][0]
'a' in ['a', 'b'] and 'c' not in ['a'], 1 not in [1], 'x' ~ 1 + 2, 'x' ~ (1 + 2) ~ 'y' * 2
{'a': {'b': {'c': 1}}}.a.b.c, [{'a': [1, 2]}][0].a[1], {'k': 'v'}['k'], {1: 'one'}[1], ('a', 'b')[1]
"""

TEMPLATES = r"""
{% for x in xs %}{{ loop.index }}/{{ loop.index0 }}/{{ loop.revindex }}/{{ loop.revindex0 }}/{{ loop.first }}/{{ loop.last }}/{{ loop.length }}:{{ x }};{% endfor %}
{% for x in [] %}x{% else %}none{% endfor %}|{% for x in nope %}x{% else %}undefined{% endfor %}
{% for x in xs if x > 1 %}{{ loop.index }}{{ x }}{{ loop.length }}{{ loop.last }} {% else %}none{% endfor %}
{% for x in xs if x > 5 %}{{ x }}{% else %}none{% endfor %}
{% for a, b in d.items() %}{{ a }}={{ b }};{% endfor %}{% for k in d %}{{ k }},{% endfor %}{% for a, (b, c) in [(1, (2, 3))] %}{{ a + b + c }}{% endfor %}
{% for x in xs %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}
{% for x in xs %}{{ loop.cycle('a', 'b') }}{{ loop.changed(x // 2) }} {% endfor %}
{% for x in xs %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% if x == 2 %}{% break %}{% endif %}{% endfor %}
{% for x in xs %}{% break %}{% else %}never{% endfor %}|{% for x in xs %}{{ x }}{% if loop.first %}{% continue %}{% endif %}!{% endfor %}
{% for n in tree recursive %}{{ loop.depth }}{{ n.n }}({{ loop(n.kids) }}){% endfor %}
{% for x in xs %}{% for y in xs %}{{ loop.index }}{% endfor %}{{ loop.index }} {% endfor %}
{% for x in xs %}{% set last = x %}{{ last }}{% endfor %}{{ last }}
{% set x = 1 %}{% for i in xs %}{% set x = x + i %}{{ x }} {% endfor %}{{ x }}
{% set ns = namespace(n=0, s='') %}{% for i in xs %}{% set ns.n = ns.n + i %}{% set ns.s = ns.s ~ i %}{% endfor %}{{ ns.n }}{{ ns.s }}{{ ns.nope is defined }}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set c = 1, 2 %}{{ c }}{% set ns = namespace() %}{% set ns.x, y = 5, 6 %}{{ ns.x + y }}
{% set x %}a{{ n }}b{% endset %}[{{ x }}]{% set y | upper | replace('A', '-') %}abc{% endset %}{{ y }}
{% set x %}{% set z = 1 %}{% endset %}{{ z is defined }}{% if true %}{% set w = 1 %}{% endif %}{{ w }}
{% if no %}a{% elif n > 5 %}b{% else %}c{% endif %}{% if nope %}x{% endif %}{% if xs and not empty %}y{% endif %}{% if none is none %}z{% endif %}
{% macro m(a, b=2, c='x') %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, c=5) }}{{ m(b=3, a=0) }}{{ m() }}{{ m(1, 2, 3) }}
{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, k=4) }}{{ m(*[1, 2], **{'z': 1}) }}
{% macro m(a, b=a ~ '!') %}{{ b }}{% endmacro %}{{ m('x') }}{{ m.name }}{{ m.arguments }}
{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}in{{ n }}{% endcall %}
{% macro m(xs) %}{% for x in xs %}{{ caller(x) }}{% endfor %}{% endmacro %}{% call(i) m(xs) %}({{ i }}){% endcall %}
{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}{% call m() %}{% endcall %}
{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(4) }}
{% macro f() %}{{ later }}{% endmacro %}{% set later = 'L' %}{{ f() }}
{% macro f(x) %}{% set y = x * 2 %}{{ y }}{% endmacro %}{{ f(3) }}{{ y is defined }}{{ f(2)|int + 1 }}
{% for x in xs %}{% macro g() %}{{ x }}{{ loop.index }}{% endmacro %}{{ g() }}{% endfor %}
{% set h = 'out' %}{% macro f(h) %}{{ h }}{% endmacro %}{{ f('in') }}{{ h }}{{ f() }}
{% filter upper %}abc{{ t }}{% set q = 1 %}{% endfilter %}{{ q is defined }}{% filter replace('a', 'b')|upper %}aXa{% endfilter %}
{% with a = 1, b = 2 %}{{ a + b }}{% set n = 0 %}{{ n }}{% endwith %}{{ a is defined }}{{ n }}{% with %}{% set z = 1 %}{{ z }}{% endwith %}
{% with n = n + 1 %}{{ n }}{% with m = n %}{{ m }}{% endwith %}{% endwith %}
{% raw %}{{ not }} {% if %} {# no #}{% endraw %}|{%- raw -%}  x  {%- endraw -%} y
{# a comment {{ x }} #}a{#- trims -#} b {#+ keeps +#} c
a {%- if true %} b {%- endif %} c {{- ' d ' -}} e
{% generation %}{% set g = 1 %}{{ t }}{% endgeneration %}{{ g is defined }}
{% block title %}a{{ n }}{% endblock %}{% block other scoped %}b{% endblock other %}
{% print 1, 2 %}{% print 'x' %}
{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.reset() }}{{ c.current }}{% set j = joiner('|') %}{{ j() }}x{{ j() }}y{{ j() }}
{% set it = xs|map('string') %}{% for x in it %}{{ x }}{% endfor %}{% for x in it %}{{ x }}{% else %}used up{% endfor %}
{% for g, list in people|groupby('age') %}{{ g }}:{% for p in list %}{{ p.name }}{% endfor %};{% endfor %}
{% for k, v in d|dictsort %}{{ k }}{% endfor %}{% for row in range(5)|batch(2) %}{{ row|join }}/{% endfor %}{% for c in 'aé' %}{{ c }},{% endfor %}
{% if x is defined %}a{% else %}b{% endif %}{% set x = none %}{% if x is defined %}c{% endif %}{% if x %}d{% endif %}
{{ '}}' }}{{ "{%" }}{{ {'a': {'b': 1}}['a']['b'] }}{{ '{{' ~ "'" }}
{% set ns = namespace(stop=false) %}{% for x in xs if not ns.stop %}{{ x }}{% set ns.stop = true %}{% endfor %}
{% set messages = [{'role': 'user'}] + people %}{{ messages[1:]|length }}{{ (messages|first).role }}{{ messages[-1].name }}{{ messages[:1] }}
{% set x = xs[0] %}{% set x = x + 1 %}{{ x }}{% set y = {'a': 1}.a %}{{ y }}{% for i in range(3) %}{{ i }}{% if not loop.last %}, {% endif %}{% endfor %}
{{ t.split(' ')[0].upper() ~ '!' }}{{ ('a,b'.split(','))[-1] }}{{ t.split('o')|length }}{{ (t ~ 'x').endswith('dx') }}
{{ messages is not defined or messages | length == 0 }}{{ tools is defined and tools }}{{ (tools or [])|length }}
{% set ns = namespace(f='') %}{% macro add(x) %}{% set ns.f = ns.f ~ x %}{% endmacro %}{{ add('a') }}{{ add('b') }}{{ ns.f }}
{% for x in xs %}{% set inner %}{{ x }}{{ loop.index }}{% endset %}[{{ inner }}]{% endfor %}
{% for item in [1, [2, 3]] recursive %}{% if item is number %}{{ item }}{% else %}<{{ loop(item) }}>{% endif %}{% endfor %}
{% macro a() %}{% macro b(x) %}({{ x }}){% endmacro %}{{ b('q') }}{% endmacro %}{{ a() }}{{ b is defined }}
{% set f = namespace(g=none) %}{% macro h() %}h!{% endmacro %}{% set f.g = h %}{{ f.g() }}
{% for x in xs %}{{ x }}{{ ',' if not loop.last }}{% endfor %}{{ 1 if false }}
{% for k, v in {'a': 1, 'b': 2}.items() %}{{ loop.index }}{{ k }}{{ v }}{{ loop.length }}{% endfor %}
{% call(a, b=2) m2() %}{{ a }}{{ b }}{% endcall %}
{% for x in (1, 2, 3) %}{{ x }}{% endfor %}{% for x in 1, 2 %}{{ x }}{% endfor %}{% for x in range(3)|reverse %}{{ x }}{% endfor %}
"""

# Jinja2 refuses these; so must we.
REFUSED = r"""
{{ nope.x }}
{{ nope + 1 }}
{{ nope['x'] }}
{{ nope() }}
{{ 'a' + 1 }}
{{ 1 + 'a' }}
{{ none + 'a' }}
{{ [1] + 'a' }}
{{ 1 / 0 }}
{{ 1 // 0 }}
{{ 'a' < 1 }}
{{ none < 1 }}
{{ xs.append(4) }}
{{ d.update({'x': 1}) }}
{{ d.pop('a') }}
{{ 3|length }}
{{ none|length }}
{{ xs|map('upper')|length }}
{{ nope|tojson }}
{{ xs|map('upper')|tojson }}
{{ raise_exception('no') }}
{{ range(100001) }}
{% for x in none %}{% endfor %}
{% for x in 3 %}{% endfor %}
{% for a, b in [1] %}{% endfor %}
{% set a, b = 1 %}
{% set a.b = 1 %}
{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{% endmacro %}{{ m(b=2) }}
{{ 1 in 'abc' }}
{{ 1 in none }}
{{ t.index('z') }}
{{ 'a'.nothing() }}
{{ t.upper.x.y }}
{{ [1, 'a']|sort }}
{% for a in 3|items %}{% endfor %}
{{ xs|nofilter }}
{{ xs is notest }}
{% if %}{% endif %}
{% if a %}
{% for x in xs %}
{% endfor %}
{{ a b }}
{{ (1 }}
{{ 1) }}
{{ 'a }}
{{
{% nothing %}
{% do 1 %}
{% include 'a' %}
{% extends 'a' %}
{% import 'a' as b %}
{% break %}
{# never
{% raw %}x
{{ {[1]: 2} }}
{{ x[ }}
{{ loop.index.x.y }}
{% for x in [1] %}{{ loop(x) }}{% endfor %}
{{ '%d' % 'a' }}
{{ '%s %s' % 'a' }}
{{ '{} {}'.format(1) }}
{{ ['a', none]|join.x }}
{{ ', '.join([1]) }}
{{ none.split(',') }}
{{ nope|int }}
{{ nope[1:] }}
{{ nil[1:] }}
{{ d[1:] }}
{{ 'a' 1 }}
{% set true = 1 %}
{% macro %}{% endmacro %}
{% call 1 %}{% endcall %}
{{ f(a=1, 2) }}
{{ xs[1:2, 3] }}
{{ 'a' is string is defined }}
{{ none|items|list }}
{{ 'abc'.split('') }}
"""


def split(block):
    """One template a line."""
    return [line for line in block.strip("\n").split("\n") if line]


def cases():
    for line in split(EXPRESSIONS):
        yield "{{ (" + line + ") }}"
    yield from split(TEMPLATES)
    yield from split(REFUSED)
    # Whole lines, white space and all.
    yield "  {% if yes %}\n    x\n  {% endif %}\ny\n  {%+ if yes %}z{% endif %}\n\n"
    yield "a\n{{ n }}\n{%- for x in xs %}\n - {{ x }}\n{%- endfor %}\n\nend\n"
    yield "{%- set x = 'a' -%}\n {{- x }}  {{ x -}}\n b\n"
    yield "{% if n == 7 -%}   x   {%- endif %}|{{ 'a' if n == 7 and\n   t }}|{{ xs\n  | join(\n    ', ') }}"
    yield "a\r\nb\rc\n{% if yes %}\r\n  {# c #}\r\nx{% endif %}\n\n"
    yield "\n  {# c #}\n  {#- d #}\n x {#- e -#} \n y\n{# f +#}\nz\n{% if yes +%}\nq{% endif %}"
    yield "x {% raw %}\n {{ a }} {%- endraw %}\n y\n  {% raw -%} \n b{% endraw -%}\n c"
    yield "{% for x in xs -%}\n{{ x }}\n{%- if not loop.last %}, {% endif -%}\n{% endfor %}"
    yield "{{ 'a' }}\n{{- 'b' -}}\n  {{ 'c' }}\n\n\n"
    yield "  {{ 1 }}  {% set a = 1 %}  {{ a }}\n  {% set b = 1 %}\n{{ b }}"
    yield "{% set text %}\n  line\n{% endset %}\n[{{ text }}]"
    yield "\n\n{% macro m(a) -%}\n  {{ a }}\n{%- endmacro %}\n[{{ m('x') }}]\n"
    yield "-{%- if yes -%} - {%- endif -%}-\n\t{%- if yes %}\t\n\t{% endif %}\t\n"
    yield "{{ '\\n' }}{{ \"\\n\" }}{{ 'a\nb' }}{{ '\\\nx' }}"
    yield ""
    yield "\n"
    yield "\n\n"
    yield "no marks { here } % # {"
    yield "{{ mixed|tojson(indent=2) }}\n{{ mixed|tojson(indent='\t', separators=(', ', ' : ')) }}"
