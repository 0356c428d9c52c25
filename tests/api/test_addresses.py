"""Which addresses are public, and how a name becomes some."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.addresses import Lookup, is_public

PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
NOT_PUBLIC = {
    "loopback": ["127.0.0.1", "127.255.0.1", "::1"],
    "private": ["10.0.0.1", "172.16.0.1", "192.168.1.1", "fd00::1", "fec0::1"],
    "link-local": ["169.254.169.254", "fe80::1", "fe80::1%lo"],
    "shared": ["100.64.0.1", "100.100.100.200"],
    "a provider's own": ["192.0.0.192", "168.63.129.16"],
    "nobody": ["0.0.0.0", "::", "240.0.0.1", "255.255.255.255"],
    "many": ["224.0.0.1", "239.1.1.1", "ff02::1", "ff0e::1"],
    "for documents": ["192.0.2.1", "198.51.100.1", "2001:db8::1", "3fff::1"],
    "IPv4 inside": [
        "::ffff:127.0.0.1",
        "::ffff:a00:1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2001::1",
    ],
}
IPV4 = st.ip_addresses(v=4)


@pytest.mark.parametrize("text", PUBLIC)
def test_the_public_internet_is_public(text):
    """Global unicast addresses are, also an IPv4 one written as IPv6."""
    assert is_public(text)


@pytest.mark.parametrize("text", [one for texts in NOT_PUBLIC.values() for one in texts])
def test_everything_else_is_not(text):
    """Whatever only this machine, this network or nobody reaches is not public."""
    assert not is_public(text)


@given(IPV4, st.sampled_from(["::ffff:", "64:ff9b::"]))
def test_no_other_spelling_helps(address: ipaddress.IPv4Address, prefix: str):
    """An IPv4 address is judged the same inside an IPv6 one."""
    assert is_public(prefix + str(address)) == is_public(str(address))


@given(IPV4, st.integers(0, 2**80 - 1))
def test_nor_does_a_tunnel(address: ipaddress.IPv4Address, rest: int):
    """The end of a 6to4 tunnel is judged, not the tunnel."""
    tunnel = ipaddress.IPv6Address((0x2002 << 112) | (int(address) << 80) | rest)
    assert is_public(str(tunnel)) == is_public(str(address))


def test_a_name_is_no_address():
    """Only addresses are judged."""
    with pytest.raises(ValueError, match="localhost"):
        is_public("localhost")


@pytest.mark.parametrize("text", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1"])
async def test_odd_spellings_are_looked_up_as_they_are_meant(text):
    """What the resolver takes for an address comes back in the usual spelling."""
    assert await Lookup()(text) == ["127.0.0.1"]


async def test_a_name_has_addresses():
    """Each comes once."""
    found = await Lookup()("localhost")
    assert set(found) & {"127.0.0.1", "::1"}
    assert len(found) == len(set(found))
