package policy

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/portreeve/portreeve/translate/model"
)

// KeyClusterPrefix begins the names of the clusters that keys are fetched from.
const KeyClusterPrefix = "jwks|"

// KeyService is a server that the gateway itself fetches keys from.
type KeyService struct {
	Scheme string
	// Host is a name in lower case, or an IP address.
	Host string
	Port uint32
}

// KeyServiceOf reads the server out of a valid jwksUri; it reports false for any other text.
func KeyServiceOf(uri string) (KeyService, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Hostname() == "" {
		return KeyService{}, false
	}
	port := u.Port()
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return KeyService{}, false
	case port == "" && u.Scheme == "https":
		port = "443"
	case port == "":
		port = "80"
	}
	number, err := strconv.ParseUint(port, 10, 16)
	return KeyService{u.Scheme, strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), uint32(number)}, err == nil
}

// Cluster names the cluster of a service. It has the shape of Istio's names and cannot be
// one of them: no route leads to it.
func (s KeyService) Cluster() string {
	return fmt.Sprintf("%s%d|%s|%s", KeyClusterPrefix, s.Port, s.Scheme, s.Host)
}

// KeyService returns the server that the gateway itself fetches the keys of a rule from. It
// reports false where the keys stand in the rule, or the control plane fetches them.
func (r JWTRule) KeyService(v model.View) (KeyService, bool) {
	if !fetchedByGateway(r.Spec, v) {
		return KeyService{}, false
	}
	return KeyServiceOf(r.Spec.GetJwksUri())
}
