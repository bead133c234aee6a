"""What MkDocs does with a page of docs/ besides: the pages are written for a reader of the repository as well."""

import re
from pathlib import Path, PurePosixPath

from mkdocs.exceptions import PluginError

# Comments say to the test of the commands what becomes of a block; a reader of the site sees the name of a file alone.
FILE = re.compile(r"^( *)<!-- file: (\S+) -->\n\s*\n?( *```[a-z]+)$", re.MULTILINE)
COMMENT = re.compile(r"^ *<!-- (?:run|not run|file|output|exit)\b.*?-->\n?", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"\[([\w-]+\.md)\]\(\1")
OUTSIDE = re.compile(r"\]\(((?:\.\./)+[^)#\s]*)(#[^)\s]*)?\)")


def on_config(config):
    config.nav = expanded(config.nav, Path(config.docs_dir))
    return config


def expanded(nav, docs):
    """Puts the pages of a folder, which README.md or index.md begins, in the place of its FOLDER/*."""
    out = []
    for entry in nav:
        if isinstance(entry, dict):
            entry = {name: expanded(value, docs) if isinstance(value, list) else value for name, value in entry.items()}
        if isinstance(entry, str) and entry.endswith("/*"):
            pages = [path.relative_to(docs).as_posix() for path in (docs / entry[:-2]).glob("*.md")]
            if not pages:
                raise PluginError("mkdocs.yml: nav: %s: there is no page" % entry)
            out += sorted(pages, key=lambda page: (PurePosixPath(page).name not in ("README.md", "index.md"), page))
        else:
            out.append(entry)
    return out


def on_page_markdown(markdown, page, config, files):
    markdown = FILE.sub(r'\3 title="\2"', markdown)
    markdown = COMMENT.sub("", markdown)
    markdown = NAMED.sub(lambda link: "[%s](%s" % (title(Path(page.file.abs_src_path).parent / link[1]), link[1]), markdown)
    return OUTSIDE.sub(lambda link: "](%s)" % outside(link, page, config), markdown)


def title(path):
    """Returns the heading of a page, for links that are called by the name of its file."""
    first = path.read_text(encoding="utf-8").splitlines()[0] if path.is_file() else ""
    return first.removeprefix("# ") or path.name


def outside(link, page, config):
    """Returns where a link leads: what is in the repository and not in docs/ is looked at there."""
    root = Path(config.config_file_path).parent
    docs = Path(config.docs_dir)
    target = (docs / PurePosixPath(page.file.src_uri).parent / link[1]).resolve()
    if target.is_relative_to(docs):
        return link[1] + (link[2] or "")
    if not target.exists() or not target.is_relative_to(root):
        raise PluginError("%s: %s leads nowhere" % (page.file.src_uri, link[1]))
    kind = "tree" if target.is_dir() else "blob"
    return "%s/%s/main/%s%s" % (config.repo_url.rstrip("/"), kind, target.relative_to(root), link[2] or "")
