package resource

import (
	"math"
	"net/netip"
	"strings"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"google.golang.org/protobuf/proto"

	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/source"
)

// The bounds of a GatewayIdentity.
const (
	// maxProofs is how many principals, DNS names or users there may be.
	maxProofs = 1024
	// maxIdentityLabels is how many labels a node may have.
	maxIdentityLabels = 128
	// maxPrincipal is how long a SPIFFE ID may be, as its standard says.
	maxPrincipal = 2048
	// unknownUser is shown in place of users that another user namespace has and this one has not.
	unknownUser = 65534
)

// gatewayIdentityChecker checks a GatewayIdentity.
type gatewayIdentityChecker struct{ valueChecker }

func checkGatewayIdentity(v valueChecker, m proto.Message) {
	c, spec, path := gatewayIdentityChecker{v}, m.(*portreevev1alpha1.GatewayIdentity), Path{"spec"}
	if len(spec.GetPrincipals())+len(spec.GetDnsNames())+len(spec.GetUids()) == 0 {
		c.addMissing(diag.CodeIdentityEmpty, path, "the GatewayIdentity is for nobody").WithHint("give it principals, dnsNames or uids")
	}
	c.principals(path, spec.GetPrincipals())
	c.dnsNames(path, spec.GetDnsNames())
	c.uids(path, spec.GetUids())
	switch namespace := spec.GetNamespace(); {
	case namespace == "":
		c.addMissing(diag.CodeIdentityEmpty, c.deepest(path, "namespace"), "%s is missing", path.Field("namespace")).WithHint("the namespace of the gateways; that of the metadata has no meaning")
	case !isLabel(namespace):
		c.add(diag.CodeMetadata, path.Field("namespace"), "%q is not a namespace", namespace).WithHint(NamespaceForm)
	}
	c.atMost(path.Field("labels"), len(spec.GetLabels()), maxIdentityLabels)
	c.workloadLabels(path.Field("labels"), spec.GetLabels())
}

func (c gatewayIdentityChecker) principals(path Path, principals []string) {
	c.atMost(path.Field("principals"), len(principals), maxProofs)
	for i, p := range principals {
		if reason := notPrincipal(p); reason != "" {
			c.add(diag.CodePrincipal, path.Field("principals", i), "the principal %q %s", p, reason).
				WithHint("a SPIFFE ID, such as spiffe://cluster.local/ns/edge/gateway/edge-1; or one with /* behind it, for every ID below")
		}
	}
}

// notPrincipal says why a value is no principal; empty where it is one. There is one spelling of each
// SPIFFE ID, so that what passes can be compared as text.
func notPrincipal(p string) string {
	if len(p) > maxPrincipal {
		return "is longer than a SPIFFE ID can be"
	}
	name, below := strings.CutSuffix(p, "/*")
	id, err := spiffeid.FromString(name)
	switch {
	case err != nil:
		return "is not a SPIFFE ID: " + err.Error()
	case id.Path() == "" && !below: // that of the trust domain itself, which no gateway has
		return "has no path"
	default:
		return ""
	}
}

func (c gatewayIdentityChecker) dnsNames(path Path, names []string) {
	c.atMost(path.Field("dnsNames"), len(names), maxProofs)
	for i, name := range names {
		if _, err := netip.ParseAddr(name); err == nil || !isSubdomain(name) {
			c.add(diag.CodeIdentityDNSName, path.Field("dnsNames", i), "%q is not one DNS name", name).WithHint("lower-case letters, digits, - and ., without a wildcard, as in edge-1.example.com")
		}
	}
}

// uids refuses the numbers that stand for no user, or for any that is not known here: whoever is in
// a container with users of its own would have such a one.
func (c gatewayIdentityChecker) uids(path Path, uids []uint32) {
	c.atMost(path.Field("uids"), len(uids), maxProofs)
	for i, uid := range uids {
		if uid == unknownUser || uid == math.MaxUint32 {
			c.add(diag.CodeUID, path.Field("uids", i), "%d stands for no user of this machine", uid).WithHint("the number of the user that Envoy runs as, as id -u prints it")
		}
	}
}

// misplaced returns the error about an object that stands in the file of the GatewayIdentity objects and
// is none, or is one and stands elsewhere. Who writes policy must not say who a gateway is.
func (d *Decoder) misplaced(document source.Document) (diag.Diagnostic, bool) {
	file, kind := d.options.GatewaysFile, child(document.Root, "kind")
	identity := kind != nil && kind.Value == string(GatewayIdentity)
	switch {
	case file == "" || !isText(kind) || identity == (document.File == file):
		return diag.Diagnostic{}, false
	case identity:
		return diag.New(diag.CodeGatewaysFile, document.Position(kind), "a GatewayIdentity stands outside of %s", file).
			WithHint("with --gateways they stand in that file alone: move it there, or start without the flag"), true
	default:
		return diag.New(diag.CodeGatewaysFile, document.Position(kind), "the file of --gateways holds GatewayIdentity objects only").
			WithHint("move the object to the directories of --config"), true
	}
}
