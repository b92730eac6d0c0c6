"""Keep spreadsheets from running texts of CSV files as formulas."""

import re

from movies_assets.warehouse.quoting import literal

# A spreadsheet runs a cell that begins with one of SIGNS as a formula. As OWASP advises (CSV
# Injection), such a text gets an apostrophe before it in CSV; Parquet has it unchanged. A
# spreadsheet may split a cell again, at a separator that is not the file's, and drop blanks and
# quotes before a sign.
SIGNS = r"=+\-@＝＋－＠"  # noqa: RUF001 (spreadsheets of some languages take these too)
SEPARATORS = r",;|\t\r\n\v\f\x{85}\x{2028}\x{2029}"
IGNORED = r'[ "\x{a0}\x{feff}]*'
FIRST = rf"^({IGNORED}[{SIGNS}\t\r\n])"
WITHIN = rf"([{SEPARATORS}])({IGNORED}[{SIGNS}])"
# Types whose values cannot hold a formula, also in lists; numbers have to stay numbers.
PLAIN = re.compile(
    r"(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)|BOOLEAN|DATE|UUID"
    r"|TIME(STAMP(_S|_MS|_NS)?)?( WITH TIME ZONE)?)(\[\d*\])*"
)
NUMBER = re.compile(r"[+\-\N{MINUS SIGN}]?[\d,.]+%?")


def defused(name: str) -> str:
    """Return SQL for a column's texts, escaped so that no spreadsheet runs them as formulas."""
    within = f"""regexp_replace("{name}"::VARCHAR, {literal(WITHIN)}, '\\1''\\2', 'g')"""
    return rf"""regexp_replace({within}, {literal(FIRST)}, '''\1')"""


def defused_text(text: str) -> str:
    """Return a text that no spreadsheet runs as a formula; numbers with a sign stay numbers."""
    if NUMBER.fullmatch(text):
        return text
    within = re.sub(_python(WITHIN), r"\1'\2", text)
    return re.sub(_python(FIRST), r"'\1", within)


def _python(pattern: str) -> str:
    """Return a regular expression of DuckDB in the spelling of Python."""
    return re.sub(r"\\x\{(\w+)\}", lambda code: f"\\u{int(code[1], 16):04x}", pattern)
