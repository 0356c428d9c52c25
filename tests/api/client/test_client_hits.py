"""Hits as users of the Python SDK write them: structs and dictionaries become the same."""

from __future__ import annotations

from typing import Any

import pytest

from actors.flags.sdk_hits import shape
from api.client import (
    EventCategory,
    Hit,
    HitEvent,
    HitItem,
    HitPage,
    HitScreen,
    HitTransaction,
    HitType,
)
from api.client.hits import as_documented

COMMON = {
    "user_ip": "127.0.0.1",
    "screen_resolution": "800X600",
    "locale": "fr",
    "session_number": "1234",
}
SAME: dict[str, tuple[Hit, dict[str, Any]]] = {
    "FS-159": (
        HitPage(document_location="https://a.example/b"),
        {"type": "PAGEVIEW", "documentLocation": "https://a.example/b"},
    ),
    "FS-161": (
        HitScreen(document_location="home"),
        {"type": "SCREENVIEW", "documentLocation": "home"},
    ),
    "FS-163": (
        HitTransaction(
            transaction_id="t1",
            affiliation="shop",
            total_revenue=199.9,
            shipping_costs=8.0,
            shipping_method="post",
            taxes=3.5,
            currency="EUR",
            payment_method="card",
            item_count=2,
            coupon_code="C",
        ),
        {
            "type": "TRANSACTION",
            "transactionId": "t1",
            "affiliation": "shop",
            "totalRevenue": 199.9,
            "shippingCosts": 8.0,
            "shippingMethod": "post",
            "taxes": 3.5,
            "currency": "EUR",
            "paymentMethod": "card",
            "itemCount": 2,
            "couponCode": "C",
        },
    ),
    "FS-167": (
        HitItem(
            transaction_id="t1",
            product_name="shoe",
            product_sku="s1",
            item_category="clothes",
            item_price=10.5,
            item_quantity=1,
        ),
        {
            "type": "ITEM",
            "transactionId": "t1",
            "productName": "shoe",
            "productSku": "s1",
            "itemCategory": "clothes",
            "itemPrice": 10.5,
            "itemQuantity": 1,
        },
    ),
    "FS-170": (
        HitEvent(category=EventCategory.ACTION_TRACKING, action="click", label="x", value=3),
        {
            "type": "EVENT",
            "category": "Action Tracking",
            "action": "click",
            "label": "x",
            "value": 3,
        },
    ),
}


@pytest.mark.parametrize(
    ("struct", "documented"),
    [pytest.param(*each, marks=pytest.mark.covers(row), id=row) for row, each in SAME.items()],
)
def test_a_struct_is_the_documented_hit(struct: Hit, documented: dict[str, Any]) -> None:
    """Whole, with nothing left out on the way to the wire."""
    assert as_documented(struct) == documented
    shaped = shape(as_documented(struct))
    assert shaped.notes == ()
    assert len(shaped.fields) == len(documented) - 1


@pytest.mark.covers("FS-158")
def test_every_struct_takes_what_all_hits_may_have() -> None:
    """As text, and sent as `uip`, `sr`, `ul`, `sn`."""
    required = {"transaction_id": "t", "affiliation": "a", "product_name": "n", "product_sku": "s"}
    required |= {"document_location": "d", "category": "User Engagement", "action": "a"}
    for kind in (HitPage, HitScreen, HitTransaction, HitItem, HitEvent):
        wanted = set(kind.__struct_fields__) & set(required)
        hit = kind(**COMMON, **{name: required[name] for name in wanted})
        fields = shape(as_documented(hit)).fields
        found = {name: fields[name] for name in ("uip", "sr", "ul", "sn")}
        assert found == {"uip": "127.0.0.1", "sr": "800X600", "ul": "fr", "sn": "1234"}


@pytest.mark.covers("FS-157")
@pytest.mark.parametrize("hit_type", HitType)
def test_a_type_may_be_the_constant_or_its_text(hit_type: HitType) -> None:
    """In a dictionary, with documented names or snake_case ones."""
    snake = {"type": hit_type, "document_location": "d", "transaction_id": "t"}
    camel = {"type": hit_type.value, "documentLocation": "d", "transactionId": "t"}
    assert as_documented(snake) == as_documented(camel) == camel


@pytest.mark.parametrize("hit", [None, 3, "PAGEVIEW", ["a"], {1: 2, "type": None}])
def test_what_is_no_hit_is_left_to_be_refused(hit: object) -> None:
    """Nothing here raises."""
    assert as_documented(hit) == ({} if isinstance(hit, dict) else hit)


@pytest.mark.covers("FS-162", "FS-166")
@pytest.mark.parametrize("kind", [HitPage, HitTransaction, HitItem, HitEvent])
def test_required_fields_are_required_by_the_structs(kind: Any) -> None:
    """A struct without them cannot be made."""
    with pytest.raises(TypeError, match="required"):
        kind()
