package app

import "net"

// warnOfPlainText logs, once, that gateways are served on an address that other machines may
// reach.
func (a *App) warnOfPlainText() {
	if exposed(a.xdsListen.Addr()) {
		a.options.Logger.Warn("the stream to the gateways is plain text and asks for no proof: whoever reaches this address can have the policy and the private keys in it, and whoever is on the way can change them",
			"xds", a.XDSAddress(), "hint", "keep the address within a private network or a tunnel, or give --xds-address one of 127.0.0.0/8 or [::1]")
	}
}

// exposed reports whether anything but this machine may reach an address. One that cannot be
// told is.
func exposed(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return !ok || !tcp.IP.IsLoopback()
}
