package resource

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
)

// maxURI is the API's bound, maxHost that of DNS.
const (
	maxURI  = 2048
	maxHost = 253
)

// keySetChecker checks the keys of a rule: the set itself, or where it is fetched from.
type keySetChecker struct{ valueChecker }

// jwksURI checks the address of a key set.
func (c keySetChecker) jwksURI(path Path, uri string) {
	const hint = "an http or https address of at most 2048 characters, such as https://issuer.example/keys"
	u, err := url.Parse(uri)
	switch {
	// The address can hold a password, and findings are logged: none shows it.
	case uri == "":
		c.add(diag.CodeJWKSURI, path, "%s is empty", path).WithHint(hint)
		return
	case err == nil && u.Scheme != "" && !speaksHTTP(u):
		c.add(diag.CodeJWKSURI, path, "the scheme %q is not http or https", u.Scheme).WithHint(hint)
		return
	case err != nil || u.Hostname() == "":
		c.add(diag.CodeJWKSURI, path, "%s is not an address", path).WithHint(hint)
		return
	case len(uri) > maxURI:
		c.add(diag.CodeJWKSURI, path, "the address has %d characters", len(uri)).WithHint(hint)
		return
	}
	if n, err := strconv.Atoi(u.Port()); u.Port() != "" && (err != nil || n < 1 || n > 65535) {
		c.add(diag.CodeJWKSURI, path, "%q is not a port", u.Port()).WithHint("1 to 65535")
	}
	c.keyHost(path, u)
}

// discovery checks an issuer through which its keys have to be found. One that is no
// address is none of Istio's errors: the rule then refuses every token, also here.
func (c keySetChecker) discovery(path Path, issuer string) {
	u, err := url.Parse(issuer)
	if err != nil || u.Hostname() == "" || !speaksHTTP(u) {
		c.addMissing(diag.CodeDiscovery, path.Field("issuer"), "%s has neither jwks nor jwksUri, and its issuer is not an address at which keys could be found; every token of it is refused", path).
			WithHint("set jwks or jwksUri, or an issuer such as https://issuer.example")
		return
	}
	c.keyHost(path.Field("issuer"), u)
}

func speaksHTTP(u *url.URL) bool { return u.Scheme == "http" || u.Scheme == "https" }

// keyHost checks the host that keys are fetched from. A policy must not be a way to make
// the control plane or a gateway ask what only they can reach.
func (c keySetChecker) keyHost(path Path, u *url.URL) {
	host := strings.TrimSuffix(u.Hostname(), ".")
	address, err := netip.ParseAddr(host)
	switch {
	case err == nil && BlockedAddress(address):
		c.add(diag.CodeJWKSAddress, path, "keys are not fetched from %s, which is a link-local or metadata address", host).WithHint("the address of the issuer")
	case address.Zone() != "":
		c.add(diag.CodeJWKSURI, path, "the address %s is bound to an interface", host).WithHint("an address without %%")
	case MetadataHost(host):
		c.add(diag.CodeJWKSAddress, path, "keys are not fetched from %s, which is a cloud's metadata service", host).WithHint("the address of the issuer")
	case err != nil && (EndsInNumber(host) || strings.ContainsFunc(host, func(r rune) bool { return r > '~' })):
		// Resolvers and clients read such names as addresses, each in its own way.
		c.add(diag.CodeJWKSURI, path, "the host %q is neither a name nor an address", host).WithHint("a host name, 192.0.2.1 or [2001:db8::1]")
	case len(host) > maxHost:
		c.add(diag.CodeJWKSURI, path, "the host has %d characters", len(host)).WithHint("at most %d", maxHost)
	}
}

// jwks checks an inline key set. Envoy refuses its whole configuration over a set without
// a usable key, so that is an error here. A key that is broken is an error even beside
// good ones, as in Istio: it is more often half a paste than meant.
func (c keySetChecker) jwks(path Path, text string) {
	set, ok := c.keySets[text]
	if !ok {
		set = parseKeySet(text)
		c.keySets[text] = set
	}
	if set.problem != "" {
		c.add(diag.CodeJWKS, path, "the key set cannot be read: %s", set.problem).WithHint(`JSON of the form {"keys": [{"kty": "RSA", "n": "…", "e": "AQAB"}]}`)
		return
	}
	usable := 0
	for _, k := range set.keys {
		switch {
		case k.broken != "":
			c.add(diag.CodeJWKS, path, "%s: %s", k.name, k.broken).WithHint("copy the key again, whole")
		case k.weak() != "":
			c.add(diag.CodeJWKSWeak, path, "%s: %s", k.name, k.weak()).WithHint("take it out, and have the issuer make one of at least %d bits", advisedModulus)
			usable++ // which is no other finding
		case k.unusable != "":
		default:
			usable++
		}
	}
	for _, k := range set.keys {
		if k.unusable != "" && usable > 0 {
			c.add(diag.CodeJWKSUnused, path, "%s: %s, so Envoy ignores it", k.name, k.unusable).WithHint("take it out")
		}
		if k.unusable == "" && k.short() != "" {
			c.add(diag.CodeJWKSShort, path, "%s: %s", k.name, k.short()).WithHint("have the issuer make a longer one")
		}
		if k.secret {
			c.add(diag.CodeJWKSPrivate, path, "%s holds private or symmetric key material; who reads this file can make tokens", k.name).WithHint("give public keys only")
		}
	}
	if usable == 0 && !c.diagsAt(diag.CodeJWKS, path) {
		c.add(diag.CodeJWKSNoKey, path, "the key set has no key that Envoy can verify a token with%s", set.why()).
			WithHint("add the issuer's public keys: RSA, EC (P-256, P-384, P-521), OKP (Ed25519) or oct")
	}
}

// diagsAt reports whether there is a finding of the code at the path.
func (c keySetChecker) diagsAt(code diag.Code, path Path) bool {
	field := path.String()
	for _, d := range c.diags {
		if d.Code == code && d.Field == field {
			return true
		}
	}
	return false
}

// why lists what is wrong with the keys of a set that has no usable one.
func (s keySet) why() string {
	var reasons []string
	for _, k := range s.keys {
		if k.unusable != "" {
			reasons = append(reasons, k.name+": "+k.unusable)
		}
	}
	if len(reasons) == 0 {
		return ""
	}
	return " (" + strings.Join(reasons, "; ") + ")"
}
