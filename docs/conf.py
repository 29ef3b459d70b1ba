"""How the site is built: ``make docs``.  Nothing is fetched, no notebook is run."""

import shutil
from pathlib import Path

import sksimilar

HERE = Path(__file__).parent
ROOT = HERE.parent

# Sphinx reads what is below this folder.  These stay at the places where links from the
# README look for them.
COPIED = {
    "notebooks": ["*.ipynb"],
    "benchmarks": ["README.md"],
    "benchmarks/results": ["*.png"],
    "benchmarks/results/experiments": ["README.md", "*.png"],
}
for folder, patterns in COPIED.items():
    shutil.rmtree(HERE / folder, ignore_errors=True)
    (HERE / folder).mkdir(parents=True)
    for pattern in patterns:
        for file in (ROOT / folder).glob(pattern):
            shutil.copy2(file, HERE / folder)

project = "sksimilar"
author = "The sksimilar developers"
copyright = author
version = release = sksimilar.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_design",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
default_role = "autolink"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # They are saved executed, and the tests run them.
nb_merge_streams = True

nitpicky = True
nitpick_ignore_regex = [  # Of other projects, which are not asked, and private names.
    ("py:.*", r"(numpy|torch|joblib|skorch|sklearn|matplotlib|collections)\..*"),
    ("py:.*", r"FrozenEstimator|_\w+"),
]

autosummary_generate = True
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # The template lists them.

html_theme = "pydata_sphinx_theme"
html_title = "sksimilar"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
ALONE = [  # Pages without pages below them.
    "which_function",
    "coming_from",
    "changelog",
    "security",
    "benchmarks/results/experiments/README",
]
html_sidebars = {page: [] for page in ALONE}
html_theme_options = {
    "show_prev_next": False,
    "navbar_persistent": [],
    "navbar_end": ["search-button", "theme-switcher"],
    "footer_start": [],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}


def hide_fields(app, what, name, member, skip, options):
    """Leave out fields of tuples and dataclasses: they are described as parameters."""
    is_field = isinstance(member, type) or "Alias for field" in (member.__doc__ or "")
    return True if what == "class" and is_field else skip


def setup(app):
    app.connect("autodoc-skip-member", hide_fields)
