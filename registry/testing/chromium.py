"""How tests and benches start a Chromium."""

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
NO_WAY_THROUGH = """
const Real = RTCPeerConnection
window.RTCPeerConnection = class extends Real {
  constructor(asked) { super({ ...asked, iceTransportPolicy: window.wayThrough ? "all" : "relay" }) }
}
"""  # a script for a page: none of its WebRTC packets arrives, until it sets `wayThrough`
