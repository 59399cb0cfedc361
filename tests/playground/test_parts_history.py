"""What came out stays in the browser."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

ADD = """async (entries) => {
    const { openHistory } = await import("/playground/js/history.js");
    const history = openHistory();
    const picture = await (await fetch("/playground/samples/chelsea.jpg")).blob();
    for (const entry of entries) {
        await history.add({ operation: "removal", model: "opencv", seconds: 0.5, before: picture, after: picture,
                            parameters: { seed: 7 }, ...entry });
    }
}"""


def entries(*places: int, **others: Any) -> list[dict[str, Any]]:
    """Results, a minute after one another."""
    return [{"id": f"job-{place}", "createdAt": 1_700_000_000_000 + 60_000 * place, **others} for place in places]


def shown(page: Page) -> Any:
    """The results in the gallery."""
    return page.get_by_role("list", name="Results, the newest first").get_by_role("listitem")


@pytest.fixture
def gallery(page: Page) -> Page:
    """The page with three results, and its history open."""
    page.evaluate(ADD, entries(1, 2) + entries(3, operation="insertion", seconds=1.25))
    page.get_by_role("button", name="History", exact=True).click()
    expect(shown(page)).to_have_count(3)
    return page


def test_results_stay_over_a_reload(gallery: Page) -> None:
    """The newest is the first, with what it is told beside its picture, after a reload too."""
    for _ in range(2):
        expect(shown(gallery)).to_have_count(3)
        expect(shown(gallery).first).to_contain_text("Insertion")
        expect(shown(gallery).first).to_contain_text("opencv · 1.3 s")
        picture = shown(gallery).first.locator("img")
        expect(picture).to_have_js_property("naturalWidth", 451)
        gallery.reload()
        gallery.get_by_role("button", name="History", exact=True).click()


def test_one_and_all_are_deleted(gallery: Page) -> None:
    """Deleting one leaves the others and the keyboard near by; deleting all asks first."""
    shown(gallery).first.get_by_role("button", name="Delete Insertion").press("Enter")
    expect(shown(gallery)).to_have_count(2)
    expect(shown(gallery).first.get_by_role("button", name="Delete Removal")).to_be_focused()
    gallery.get_by_role("button", name="Delete all").press("Enter")
    gallery.get_by_role("button", name="Keep them").press("Enter")
    expect(shown(gallery)).to_have_count(2)
    gallery.get_by_role("button", name="Delete all").press("Enter")
    gallery.get_by_role("button", name="Delete", exact=True).press("Enter")
    expect(gallery.get_by_text("Your results will be here")).to_be_focused()
    gallery.reload()
    gallery.get_by_role("button", name="History", exact=True).click()
    expect(gallery.get_by_text("Your results will be here")).to_be_visible()


def test_a_second_tab_sees_what_the_first_does(gallery: Page) -> None:
    """What one tab adds or deletes, the other shows without being touched."""
    second = gallery.context.new_page()
    second.goto("/")
    second.get_by_role("button", name="History", exact=True).click()
    expect(shown(second)).to_have_count(3)
    gallery.evaluate(ADD, entries(4))
    expect(shown(second)).to_have_count(4)
    shown(second).first.get_by_role("button", name="Delete").click()
    expect(shown(gallery)).to_have_count(3)


def test_the_oldest_make_room(page: Page) -> None:
    """Fifty are kept."""
    page.evaluate(ADD, entries(*range(53)))
    page.get_by_role("button", name="History", exact=True).click()
    expect(shown(page)).to_have_count(50)
    kept = page.evaluate("async () => (await (await import('/playground/js/history.js')).openHistory().list())")
    assert [entry["id"] for entry in kept] == [f"job-{place}" for place in range(52, 2, -1)]


def test_a_full_disk_is_told_in_words(page: Page) -> None:
    """Where a browser has no room, what was kept stays, and the message is for people."""
    page.evaluate(ADD, entries(1))
    page.evaluate(
        "() => { IDBObjectStore.prototype.put = () => { throw new DOMException('', 'QuotaExceededError'); }; }"
    )
    told = page.evaluate(
        f"(entries) => ({ADD})(entries).then(() => '', (error) => error.name + ': ' + error.message)", entries(2)
    )
    assert told.startswith("HistoryError: This browser has no room")
    page.get_by_role("button", name="History", exact=True).click()
    expect(shown(page)).to_have_count(1)


def test_a_browser_that_keeps_nothing(page: Page) -> None:
    """Without a database the page works, and says why the history is empty."""
    page.add_init_script("indexedDB.open = () => { throw new DOMException('no', 'SecurityError'); };")
    page.reload()
    page.get_by_role("button", name="History", exact=True).click()
    expect(page.get_by_text("This browser keeps no history")).to_be_visible()
