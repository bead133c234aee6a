package envoy

import (
	"net/netip"
	"slices"
	"testing"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// TestRefusedRanges holds which addresses a name of a dynamic service may lead to.
func TestRefusedRanges(t *testing.T) {
	outside := model.Service{Host: "*.example", Origin: &resource.Resource{Spec: &networkingv1alpha3.ServiceEntry{}}}
	inside := model.Service{Host: "*.example", Origin: &resource.Resource{Spec: &networkingv1alpha3.ServiceEntry{Location: networkingv1alpha3.ServiceEntry_MESH_INTERNAL}}}
	refused := func(s model.Service, a netip.Addr) bool {
		for _, r := range refusedRanges(s) {
			if netip.PrefixFrom(netip.MustParseAddr(r.GetAddressPrefix()), int(r.GetPrefixLen().GetValue())).Contains(a) {
				return true
			}
		}
		return false
	}
	if a, b := dnsCache(outside), dnsCache(inside); a.GetName() == b.GetName() {
		t.Errorf("two caches that differ have the name %s", a.GetName())
	}
	blocked := []netip.Addr{}
	for _, text := range []string{"127.0.0.1", "0.0.0.0", "169.254.169.254", "255.255.255.255", "::1", "::", "::127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "fe80::1", "ff02::1"} {
		blocked = append(blocked, netip.MustParseAddr(text))
	}
	for _, a := range slices.Concat(blocked, resource.MetadataAddresses()) {
		if !refused(outside, a) || !refused(inside, a) {
			t.Errorf("%v is resolved: outside %v, inside %v", a, !refused(outside, a), !refused(inside, a))
		}
	}
	for _, text := range []string{"10.1.2.3", "172.31.0.1", "192.168.0.1", "100.64.0.1", "198.18.0.1", "fd12::1", "fec0::1"} {
		if a := netip.MustParseAddr(text); !refused(outside, a) || refused(inside, a) {
			t.Errorf("%v is resolved: outside %v, inside %v, want inside alone", a, !refused(outside, a), !refused(inside, a))
		}
	}
	for _, text := range []string{"93.184.216.34", "168.63.129.17", "2606:2800:220:1::1"} {
		if a := netip.MustParseAddr(text); refused(outside, a) || refused(inside, a) {
			t.Errorf("%v is refused", a)
		}
	}
}
