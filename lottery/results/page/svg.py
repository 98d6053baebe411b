"""Matplotlib's SVG files as a part of the page: names of their own, a title, and colours that follow the theme."""

import colorsys
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from lottery.errors import LotteryError

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_COLOUR = re.compile(r"(fill|stroke): ?(#[0-9a-f]{6})", re.I)
_REFERENCE = re.compile(r"(^|url\()#([^)]+)")
_AROUND_COMMAND = re.compile(r" ?([A-Za-z]) ?")  # of a path
_NOT_INHERITED = re.compile(r"(^|;) ?(opacity|clip-path|mask|filter|transform):")
_FONT = re.compile(r"font-family: ?[^;]+;? ?")
_LONG_NUMBER = re.compile(r"-?\d+\.\d{2,}")
_WIDE, _FULL = 500.0, 650.0  # points

_PIXELS = 1.5  # a point at most, so that letters of 9 points are no larger than the text around

_ROLES = {"#ffffff": "paper", "#000000": "ink", "#b0b0b0": "grid"}
# Series that are drawn; all other colours keep their hue and get the lightness of the other side.
_DARK = {
    "#0072b2": "#5aa9e6", "#d55e00": "#ff8a3d", "#009e73": "#2fc79a", "#cc79a7": "#e8a5cc", "#e69f00": "#f0b93a",
    "#56b4e9": "#8fd0f7", "#005a8c": "#5aa9e6", "#b34e00": "#ff8a3d", "#00785a": "#2fc79a", "#9c4f7c": "#e8a5cc",
    "#8a6000": "#f0b93a", "#262626": "#e8eaed", "#6b7178": "#a3abb5", "#7a8fa6": "#9db4cd", "#8b1a1a": "#f2a3a3",
    "#6a3d9a": "#c4a3ea", "#1b7281": "#5cc0d0", "#a8447a": "#eb9cc6",
}  # fmt: skip

ElementTree.register_namespace("", _SVG)
ElementTree.register_namespace("xlink", _XLINK)


@dataclass(frozen=True)
class Drawing:
    """The source of an SVG element, the colours that it uses by name, and whether it takes a row of the page (wide), and in print too (full)."""

    source: str
    colours: dict[str, str]
    wide: bool
    full: bool


def dark(colour: str) -> str:
    """What a colour becomes on a dark ground."""
    if colour in _DARK:
        return _DARK[colour]
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    turned = colorsys.hls_to_rgb(hue, 1 - 0.9 * lightness, saturation)
    return "#" + "".join(f"{round(255 * part):02x}" for part in turned)


def _variable(found: re.Match[str], colours: dict[str, str]) -> str:
    colour = found[2].lower()
    name = _ROLES.get(colour, f"c{colour[1:]}")
    if colour not in _ROLES:
        colours[name] = colour
    return f"{found[1]}:var(--{name},{colour})"


def _short(found: re.Match[str]) -> str:
    return f"{float(found[0]):.1f}".rstrip("0").rstrip(".")


def _attribute(name: str, value: str, colours: dict[str, str]) -> str:
    if name in ("d", "x", "y"):
        return _AROUND_COMMAND.sub(r"\1", _LONG_NUMBER.sub(_short, " ".join(value.split())))
    return _COLOUR.sub(lambda found: _variable(found, colours), value) if name == "style" else value


def _without(root: ElementTree.Element, *tags: str) -> None:
    """Leave out the file's own description, and styles that would hold for the whole page."""
    for parent in root.iter():
        for child in [child for child in parent if child.tag in {f"{{{_SVG}}}{tag}" for tag in tags}]:
            parent.remove(child)


def _rename_ids(root: ElementTree.Element, prefix: str) -> None:
    """Short names that no other drawing has.  Matplotlib names every group; only what is referred to keeps a name."""
    values = (value for element in root.iter() for value in element.attrib.values())
    used = dict.fromkeys(found[1] for value in values for found in _REFERENCE.findall(value))
    names = {name: f"{prefix}{place}" for place, name in enumerate(used)}
    for element in root.iter():
        for key, value in [*element.items()]:
            if key == "id":
                del element.attrib[key]
                if value in names:
                    element.set(key, names[value])
                continue
            referring = _REFERENCE.sub(lambda found: f"{found[1]}#{names[found[2]]}", value)
            if key == f"{{{_XLINK}}}href":
                del element.attrib[key]
                key = "href"
            element.set(key, referring)


def _font_to_root(root: ElementTree.Element) -> None:
    """The font of all letters stands once; where there are several, each stays where it is."""
    fonts = {found[0] for element in root.iter() if (found := _FONT.search(element.get("style", "")))}
    if len(fonts) == 1:
        for element in root.iter():
            if style := element.get("style"):
                element.set("style", _FONT.sub("", style))
        root.set("style", fonts.pop())


def _styles_to_classes(root: ElementTree.Element, prefix: str) -> None:
    """Matplotlib repeats a style at every mark and letter, fonts included; here each stands once."""
    classes: dict[str, str] = {}
    for element in root.iter():
        style = element.attrib.pop("style", "")
        if clip := element.attrib.pop("clip-path", ""):
            style += f";clip-path:{clip}"
        if style:
            element.set("class", classes.setdefault(style, f"{prefix}s{len(classes)}"))
    marks = {f"#{element.get('id')}": element.get("class") for element in root.iter() if "id" in element.attrib}
    for use in root.iter(f"{{{_SVG}}}use"):
        if use.get("class") == marks.get(use.get("href", "")):
            use.attrib.pop("class", None)  # the mark has it
    styles = {name: style for style, name in classes.items()}
    for group in root.iter(f"{{{_SVG}}}g"):
        _class_to_group(group, styles)
    rules = ElementTree.Element(f"{{{_SVG}}}style")
    rules.text = "".join(f".{name}{{{style}}}" for style, name in classes.items())
    root.insert(0, rules)


def _class_to_group(group: ElementTree.Element, styles: Mapping[str, str]) -> None:
    """Where all marks of a group have the same class, the group has it, if the marks inherit every property of its style."""
    classes = {child.get("class", "") if child.tag == f"{{{_SVG}}}use" else "" for child in group}
    shared, own = next(iter(classes), ""), group.get("class", "")
    is_clip_only = not own or styles[own].startswith(";clip-path:")
    if len(group) > 1 and len(classes) == 1 and shared and is_clip_only and not _NOT_INHERITED.search(styles[shared]):
        for child in group:
            del child.attrib["class"]
        group.set("class", f"{own} {shared}".strip())


def _unwrap(root: ElementTree.Element) -> None:
    """Put the contents of groups that say nothing in their place."""
    for parent in root.iter():
        while groups := [child for child in parent if child.tag == f"{{{_SVG}}}g" and not child.attrib]:
            for group in groups:
                place = [*parent].index(group)
                parent[place : place + 1] = [*group]


def _label(root: ElementTree.Element, prefix: str, title: str, description: str) -> None:
    for place, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ElementTree.Element(f"{{{_SVG}}}{tag}", {"id": f"{prefix}{tag}"})
        element.text = text
        root.insert(place, element)
    root.set("role", "img")
    root.set("aria-labelledby", f"{prefix}title {prefix}desc")


def drawing(path: Path, title: str, description: str, prefix: str) -> Drawing:
    """The file as a part of a page.  Raises LotteryError where it is no SVG.

    description: in words, for a file that has none of its own.
    prefix: of the names of its parts, one that no other drawing of the page has; short, as it stands there a thousand times.
    """
    try:
        root = ElementTree.parse(path).getroot()
        width = float(root.get("viewBox", "").split()[2])
    except (OSError, ElementTree.ParseError, ValueError, IndexError) as error:
        raise LotteryError(f"{path}: cannot be read as SVG ({error}); delete it and run again") from error
    colours: dict[str, str] = {}
    own = root.findtext(f"{{{_SVG}}}desc")
    _without(root, "metadata", "style", "title", "desc")
    for element in root.iter():
        if element.get("transform", "").startswith("rotate(-0 "):
            del element.attrib["transform"]  # upright letters
        element.attrib.update({name: _attribute(name, value, colours) for name, value in element.items()})
    _rename_ids(root, prefix)
    _font_to_root(root)
    _styles_to_classes(root, prefix)
    _unwrap(root)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("style", f"max-width:{width * _PIXELS:.0f}px")
    _label(root, prefix, title, own or description)
    source = re.sub(r">\s+<", "><", ElementTree.tostring(root, encoding="unicode"))
    return Drawing(source, colours, width > _WIDE, width > _FULL)
