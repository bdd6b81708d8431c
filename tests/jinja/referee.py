#!/usr/bin/env python3
"""What Jinja2 makes of a template, set up as transformers sets it up. Reads one JSON object a line, {"template", "values"},
and writes one a line: {"text"} or {"error"}. `now` is fixed: NOW.
  referee.py --folder DIR   the templates of a folder with the conversations of conversations.py instead: writes
                            {"name", "conversation", "template", "values", "text" or "error"}
  referee.py --cases        those of cases.py: writes their values, then {"template", "text" or "error"} of each. That is
                            golden/cases.jsonl"""
import datetime
import json
import pathlib
import sys

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = datetime.datetime(2026, 3, 9, 14, 5, 6)


class Generation(jinja2.ext.Extension):
    """{% generation %}: transformers marks what the model wrote; the text is the body's."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("body"), [], [], body).set_lineno(line)

    def body(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


ENVIRONMENT = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                            extensions=[Generation, jinja2.ext.loopcontrols])
ENVIRONMENT.filters["tojson"] = tojson
ENVIRONMENT.globals["raise_exception"] = raise_exception
ENVIRONMENT.globals["strftime_now"] = lambda form: NOW.strftime(form)


def render(template, values):
    try:
        text = ENVIRONMENT.from_string(template).render(**values)
        text.encode()
        return {"text": text}
    except Exception as error:  # whatever Python says of it
        return {"error": f"{type(error).__name__}: {error}"}


def folder(path):
    from conversations import conversations
    for file in sorted(pathlib.Path(path).glob("*.jinja")):
        template = file.read_text()
        for name, values in conversations():
            yield {"name": file.stem, "conversation": name, "template": template, "values": values,
                   **render(template, values)}


def own_cases():
    from cases import VALUES, cases
    yield VALUES
    for template in cases():
        yield {"template": template, **render(template, VALUES)}


def main():
    if sys.argv[1:2] == ["--folder"]:
        answers = folder(sys.argv[2])
    elif sys.argv[1:2] == ["--cases"]:
        answers = own_cases()
    else:
        answers = (render(**json.loads(line)) for line in sys.stdin)
    for answer in answers:
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
