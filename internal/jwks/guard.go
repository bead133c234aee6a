package jwks

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"unicode"

	"github.com/portreeve/portreeve/translate/resource"
)

// guard refuses addresses that no issuer has: a policy, or an issuer by a redirect, must
// not make the control plane ask the services of its own machine in the cloud.
type guard struct {
	// blocked are refused besides those that resource.BlockedAddress refuses.
	blocked []netip.Prefix
}

func newGuard(more []netip.Prefix) guard {
	var g guard
	for _, p := range more {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		g.blocked = append(g.blocked, p.Masked())
	}
	return g
}

// control is called with the address that is about to be dialled, after names are resolved:
// a name cannot point at one address when it is checked and at another when it is used.
func (g guard) control(_, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return errors.New("the address to connect to cannot be read")
	}
	return g.address(a.Addr())
}

// address refuses guarded and blocked addresses, in whatever form.
func (g guard) address(a netip.Addr) error {
	if resource.BlockedAddress(a) {
		return fmt.Errorf("the address %v is refused: it is link-local, or a cloud's metadata service", a)
	}
	for _, form := range resource.AddressForms(a) {
		for _, p := range g.blocked {
			if p.Contains(form) {
				return fmt.Errorf("the address %v is refused: it is in %v", a, p)
			}
		}
	}
	return nil
}

// url checks an address before it is asked. Through a proxy this is the only check of what
// the proxy will dial, so hosts that resolvers read as numbers have to be plain ones.
func (g guard) url(u *url.URL) error {
	if err := webAddress(u); err != nil {
		return err
	}
	if strings.ContainsFunc(u.Hostname(), func(r rune) bool { return r > unicode.MaxASCII }) {
		// What they become on the way to a proxy was not checked: "１" becomes "1".
		return errors.New("the host has characters beyond ASCII: write its name as it is in DNS (xn--…)")
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if slices.Contains([]string{"metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal"}, host) {
		return fmt.Errorf("the host %s is refused: it is a metadata service", host)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return g.address(a)
	}
	if host == "" || resource.EndsInNumber(host) {
		return errors.New("the host is neither a name nor an address in its usual form")
	}
	return nil
}

// webAddress says why an address is not one that is fetched from.
func webAddress(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("it is not an http or https address")
	case u.Hostname() == "":
		return errors.New("the address has no host")
	}
	return nil
}

// redacted returns an address without what can be secret of it: user, password, query and
// fragment. What is not an address is returned as it is, up to its first question mark.
func redacted(address string) string { return resource.ShownAddress(address) }
