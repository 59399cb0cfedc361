"""An edit as code: it runs, and gives the picture that is on the page."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.lab import DATA

HOSTILE = (
    "plain.jpg",
    "two words.jpg",
    "it's \"quoted\" `date` $(touch pwned) $HOME \\ \\' \\n.jpg",
    "'; touch pwned; '",
    "-",
    "--output",
    "@file",
    "<file",
    "a;type=text/html",
    'a";filename="b',
    "comma,and;semicolon.jpg",
    "new\nline",
    "tab\tescape\x1b[201~\x07",
    "bidi\u202egpj.exe\u2066",
    "zero\u200bwidth \ufeff",
    "emoji 🦊 é 漢字 \u2028",
    "</script><img src=x onerror=alert(1)>",
    "${x}{{y}}%s%%",
    "!history",
    "~/photo.jpg",
    "",
)
SNIPPETS = """async ([edit, options]) => {
    const { snippets } = await import("/playground/js/code.js");
    const made = snippets(edit, location.origin, options);
    return Object.fromEntries(made.map(({ language, code }) => [language, code]));
}"""
QUOTED = """async (texts) => {
    const { shellWord, stringLiteral } = await import("/playground/js/code/quoting.js");
    return texts.map((text) => [shellWord(text), stringLiteral(text)]);
}"""
UNSEEN = {*map(chr, range(32)), *"\x7f\u202e\u2066\u200b\ufeff\u2028"} - {"\n"}


def snippets(page: Page, edit: dict[str, Any], **options: Any) -> dict[str, str]:
    """Ask the page for an edit's code."""
    made: dict[str, str] = page.evaluate(SNIPPETS, [edit, options])
    return made


def run_shell(code: str, folder: Path) -> None:
    """Run commands as somebody who has pasted them."""
    bash = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", code]
    done = subprocess.run(bash, cwd=folder, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr


def run_python(code: str, folder: Path) -> None:
    """Run a script."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr


def same_pixels(one: Path, other: Path) -> bool:
    """Whether two files hold the same picture."""
    return np.array_equal(np.asarray(Image.open(one)), np.asarray(Image.open(other)))


def test_text_stays_text(page: Page, tmp_path: Path) -> None:
    """Through a shell, through Python and through JSON, each text comes out as it went in, and nothing of it is done.

    What a terminal would obey, or what hides or turns text, is written as an escape.
    """
    quoted = page.evaluate(QUOTED, list(HOSTILE))
    words = " ".join(word for word, _ in quoted)
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C"}
    printf = ["bash", "-c", f"printf '%s\\0' {words}"]
    told = subprocess.run(printf, cwd=tmp_path, env=environment, capture_output=True, check=True).stdout
    assert told.decode().split("\0")[:-1] == list(HOSTILE)
    assert [ast.literal_eval(literal) for _, literal in quoted] == list(HOSTILE)
    assert [json.loads(literal) for _, literal in quoted] == list(HOSTILE)
    assert not UNSEEN & set("".join(word + literal for word, literal in quoted))
    assert list(tmp_path.iterdir()) == []


def test_files_with_any_name_are_sent(page: Page, tmp_path: Path) -> None:
    """Of a folder of files with such names, each command sends the one that it names."""
    names = [name for name in HOSTILE if name and "/" not in name]
    for place, name in enumerate(names):
        Image.new("RGB", (16 + place, 16), "white").save(tmp_path / name, "PNG")
    commands = []
    for place, name in enumerate(names):
        edit = {"utility": "encode", "files": {"image": {"name": name}}, "fields": {"format": "png"}}
        commands.append(snippets(page, {**edit, "output": f"made-{place}.png"})["curl"])
    run_shell("\n".join(commands), tmp_path)
    for place, name in enumerate(names):
        assert same_pixels(tmp_path / f"made-{place}.png", tmp_path / name), name
    assert len(list(tmp_path.iterdir())) == 2 * len(names)


def test_an_edit_from_the_page_runs_as_code(page: Page, tmp_path: Path) -> None:
    """What the dialog shows of a finished edit, with the mask that it saves, gives the page's own picture."""
    page.locator("#view-edit").get_by_role("button", name="Coffee cup").click()
    canvas = page.locator("#canvas")
    expect(canvas).to_be_visible()
    area = canvas.bounding_box()
    assert area is not None
    page.get_by_role("button", name="Box", exact=True).click()
    for share, act in ((0.4, page.mouse.down), (0.6, page.mouse.up)):
        page.mouse.move(area["x"] + area["width"] * share, area["y"] + area["height"] * share)
        act()
    page.locator("#submit").click()
    expect(page.locator("#result-title")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG").click()
    download.value.save_as(tmp_path / "page.png")
    page.locator("#result-code").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save mask.png").click()
    download.value.save_as(tmp_path / "mask.png")
    shutil.copy(DATA / "coffee.jpg", tmp_path)
    for tab, run in (("curl", run_shell), ("Python", run_python)):
        page.get_by_role("tab", name=tab).click()
        run(page.locator("#code-panel").inner_text(), tmp_path)
        assert same_pixels(tmp_path / "edited.png", tmp_path / "page.png"), tab
        (tmp_path / "edited.png").unlink()


@pytest.mark.parametrize("language", ["curl", "python"])
@pytest.mark.parametrize("operation", ["removal", "insertion", "white-balance"])
def test_each_operation_runs_as_code(
    page: Page, http: httpx.Client, tmp_path: Path, operation: str, language: str
) -> None:
    """With all its pictures and fields, hostile texts among them, each gives the picture of the API."""
    pictures = {
        "removal": {"input_image": "launch-pad.jpg", "mask": "removal-mask.png"},
        "insertion": {
            "input_image": "launch-pad.jpg",
            "mask": "insertion-mask.png",
            "reference_image": "astronaut.jpg",
            "reference_mask": "shuttle-mask.png",
        },
        "white-balance": {"input_image": "astronaut.jpg"},
    }[operation]
    for name in pictures.values():
        shutil.copy(DATA / name, tmp_path)
    fields = {"prompt": '@it\'s <b>"1984"</b>\n$(touch pwned)', "seed": "7"}
    edit = {"operation": operation, "files": {field: {"name": name} for field, name in pictures.items()}}
    code = snippets(page, {**edit, "fields": fields})[language]
    (run_shell if language == "curl" else run_python)(code, tmp_path)
    form = {"task_type": operation, **fields}
    files = {field: (DATA / name).read_bytes() for field, name in pictures.items()}
    asked = http.post("/api/generate", data=form, files=files).json()
    (tmp_path / "asked.png").write_bytes(http.get(f"/api/images/{asked['image_id']}").content)
    assert same_pixels(tmp_path / "edited.png", tmp_path / "asked.png")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("utility", "fields"),
    [
        ("resize", {"width": 100, "format": "webp", "quality": 50, "upscale": True}),
        ("crop", {"box": [10, 20, 110, 90]}),
        ("add-shadow-preview", {"offset": [-3, 9], "opacity": 0.25}),
    ],
)
@pytest.mark.parametrize("language", ["curl", "python"])
def test_utilities_run_as_code(
    page: Page, http: httpx.Client, tmp_path: Path, utility: str, fields: dict[str, Any], language: str
) -> None:
    """Numbers, lists and switches arrive as they are meant."""
    shutil.copy(DATA / "chelsea.jpg", tmp_path)
    output = f"made.{fields.get('format', 'png')}"
    edit = {"utility": utility, "files": {"image": {"name": "chelsea.jpg"}}, "fields": fields, "output": output}
    (run_shell if language == "curl" else run_python)(snippets(page, edit)[language], tmp_path)
    headers = {"Content-Type": "image/jpeg", "Accept": "image/*"}
    query = {name: ",".join(map(str, value)) if isinstance(value, list) else value for name, value in fields.items()}
    asked = http.post(
        f"/api/image-utils/{utility}", params=query, headers=headers, content=(DATA / "chelsea.jpg").read_bytes()
    )
    (tmp_path / "asked").write_bytes(asked.content)
    assert same_pixels(tmp_path / output, tmp_path / "asked")


def test_typescript_says_the_same(page: Page) -> None:
    """Texts stay texts, numbers are numbers, names are those of the client."""
    files = {"input_image": {"name": "it's.jpg"}, "mask": {"name": "mask.png"}}
    edit = {"operation": "removal", "files": files, "fields": {"prompt": "1984", "seed": "7"}}
    code = snippets(page, edit, keyed=True)["typescript"]
    assert 'await darkroom.edit("removal", {' in code
    for line in ('photo: await readFile("it\'s.jpg"),', 'prompt: "1984",', "seed: 7,", "process.env.DARKROOM_API_KEY"):
        assert line in code


def test_a_key_is_named_and_never_shown(page: Page) -> None:
    """Where the gateway asks for keys, the code takes it from the environment."""
    edit = {"operation": "white-balance", "files": {"input_image": {"name": "a.jpg"}}, "fields": {}}
    keyed, open_ = snippets(page, edit, keyed=True), snippets(page, edit)
    assert keyed["curl"].count('-H "Authorization: Bearer $DARKROOM_API_KEY"') == 3
    assert not any("API_KEY" in code for code in open_.values())


def test_the_dialog_by_keyboard(page: Page) -> None:
    """Arrows, Home and End go through the languages, the code is copied as it stands, Escape closes."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("tab", name="Image utilities").click()
    page.locator("#view-utilities").get_by_role("button", name="Show as code").first.press("Enter")
    page.get_by_role("tab", name="curl").focus()
    for key, language in (
        ("ArrowRight", "Python"),
        ("End", "TypeScript"),
        ("ArrowRight", "curl"),
        ("ArrowLeft", "TypeScript"),
        ("Home", "curl"),
    ):
        page.keyboard.press(key)
        expect(page.get_by_role("tab", name=language)).to_be_focused()
        expect(page.get_by_role("tabpanel", name=language)).to_be_visible()
    page.get_by_role("button", name="Copy").press("Enter")
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#code-panel code").text_content()
    page.keyboard.press("Escape")
    expect(page.locator("#code-dialog")).to_be_hidden()
