package envoy

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/wrapperspb"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/model"
)

// localityGroup is endpoints of one locality and one priority.
type localityGroup struct {
	locality  string
	endpoints []model.Endpoint
	// priority is 0 for those that are taken first. Priorities have no gaps, as Envoy wants.
	priority uint32
	weight   *wrapperspb.UInt32Value
}

// localityGroups puts the endpoints of an upstream into groups by locality and, where a
// DestinationRule says so, gives these weights or priorities as seen from the gateway. A
// gateway whose locality is not known takes all endpoints alike.
func localityGroups(u upstream) []localityGroup {
	endpoints := u.endpoints
	if u.service.Resolution == networkingv1alpha3.ServiceEntry_DNS_ROUND_ROBIN {
		// Envoy takes one locality and one endpoint of such a cluster.
		endpoints = endpoints[:min(len(endpoints), 1)]
	}
	setting, own := localitySetting(u.policy), u.view.Gateway.Place()
	groups := byLocality(endpoints, own)
	if len(groups) == 1 && groups[0].locality == "" && !weighsLocalities(u) {
		groups[0].weight = nil
	}
	switch {
	case setting == nil || u.service.Resolution == networkingv1alpha3.ServiceEntry_DNS_ROUND_ROBIN:
		return groups
	case len(setting.GetDistribute()) > 0:
		return distributed(groups, setting.GetDistribute(), own)
	case !noticesFailures(u):
		// Without that Envoy would never notice that a priority has failed.
		return groups
	}
	if labels := setting.GetFailoverPriority(); len(labels) > 0 {
		groups = byPriorityLabels(groups, labels, model.WithTopology(u.view.Gateway.Labels, own))
	}
	if len(setting.GetFailoverPriority()) == 0 || len(setting.GetFailover()) > 0 {
		byDistance(groups, setting.GetFailover(), own)
	}
	return dense(groups)
}

// localitySetting returns what a policy says of localities, or nil where it switches that
// off. Saying nothing is asking for the nearest, as in Istio.
func localitySetting(policy *networkingv1alpha3.TrafficPolicy) *networkingv1alpha3.LocalityLoadBalancerSetting {
	setting := policy.GetLoadBalancer().GetLocalityLbSetting()
	switch {
	case setting == nil:
		return &networkingv1alpha3.LocalityLoadBalancerSetting{}
	case setting.GetEnabled() != nil && !setting.GetEnabled().GetValue():
		return nil
	default:
		return setting
	}
}

// weighsLocalities reports whether a cluster has to heed the weights of localities. It says
// the same to every gateway and for all endpoints, so that these stay out of the cluster.
func weighsLocalities(u upstream) bool {
	setting := localitySetting(u.policy)
	failover := len(setting.GetFailover())+len(setting.GetFailoverPriority()) > 0
	return len(setting.GetDistribute()) > 0 || failover && noticesFailures(u)
}

// noticesFailures reports whether endpoints that fail are left out: by the detection of
// outliers or, where the service asks for what is near, by whoever lists its endpoints.
func noticesFailures(u upstream) bool {
	return u.policy.GetOutlierDetection() != nil || u.service.Locality != nil && localitySetting(u.policy) == u.service.Locality
}

// byLocality groups endpoints, the groups ordered by locality.
func byLocality(endpoints []model.Endpoint, own string) []localityGroup {
	groups := map[string][]model.Endpoint{}
	for _, e := range endpoints {
		place := inOwnRegion(e.Locality, own)
		groups[place] = append(groups[place], e)
	}
	var out []localityGroup
	for _, l := range slices.Sorted(maps.Keys(groups)) {
		// Where localities are weighed, one without a weight would get nothing.
		out = append(out, localityGroup{locality: l, endpoints: groups[l], weight: wrapperspb.UInt32(totalWeight(groups[l]))})
	}
	return out
}

// inOwnRegion completes the place of an endpoint of which only the zone is known, as in an
// EndpointSlice: no two regions have a zone of one name, so that the gateway's zone is in
// the gateway's region.
func inOwnRegion(place, own string) string {
	zone, known := strings.CutPrefix(place, "/")
	if at := locality(own); known && zone == at.GetZone() {
		return at.GetRegion() + place
	}
	return place
}

func totalWeight(endpoints []model.Endpoint) uint32 {
	var total uint64
	for _, e := range endpoints {
		total += uint64(cmp.Or(e.Weight, 1))
	}
	return uint32(min(total, math.MaxUint32/2)) //nolint:gosec // bounded in this line
}

// distributed weighs the groups as the first entry says that begins at the gateway's place.
// What that does not name gets nothing. Without such an entry all is as before.
func distributed(groups []localityGroup, entries []*networkingv1alpha3.LocalityLoadBalancerSetting_Distribute, own string) []localityGroup {
	i := slices.IndexFunc(entries, func(d *networkingv1alpha3.LocalityLoadBalancerSetting_Distribute) bool {
		return own != "" && inLocality(own, d.GetFrom())
	})
	if i < 0 {
		return groups
	}
	var out []localityGroup
	taken := map[string]bool{}
	// The most specific names come first, so that a wildcard takes the rest.
	to := slices.SortedFunc(maps.Keys(entries[i].GetTo()), func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	for _, name := range to {
		var matched []localityGroup
		var total float64
		for _, g := range groups {
			if !taken[g.locality] && inLocality(g.locality, name) {
				taken[g.locality] = true
				matched, total = append(matched, g), total+float64(totalWeight(g.endpoints))
			}
		}
		for _, g := range matched {
			share := float64(entries[i].GetTo()[name]) * float64(totalWeight(g.endpoints)) / total
			g.weight = wrapperspb.UInt32(uint32(math.Ceil(share)))
			out = append(out, g)
		}
	}
	slices.SortFunc(out, func(a, b localityGroup) int { return cmp.Compare(a.locality, b.locality) })
	return out
}

// inLocality reports whether a locality is one that a pattern names: region, region/zone or
// region/zone/subzone, where what is missing or * stands for all.
func inLocality(locality, pattern string) bool {
	have, want := strings.Split(locality, "/"), strings.Split(pattern, "/")
	for i, w := range want {
		if w == "*" {
			return true
		}
		if i >= len(have) || have[i] != w {
			return false
		}
	}
	return true
}

// byDistance prefers endpoints in the gateway's subzone, then zone, then region, then the
// region that a failover names, and at last all others.
func byDistance(groups []localityGroup, failover []*networkingv1alpha3.LocalityLoadBalancerSetting_Failover, own string) {
	if own == "" {
		return
	}
	const levels = 5
	at := locality(own)
	for i, g := range groups {
		l := locality(g.locality)
		var distance uint32
		switch {
		case l.GetRegion() != at.GetRegion():
			distance = 3
			for _, f := range failover {
				if f.GetFrom() == at.GetRegion() {
					if f.GetTo() != l.GetRegion() {
						distance = 4
					}
					break
				}
			}
		case l.GetZone() != at.GetZone():
			distance = 2
		case l.GetSubZone() != at.GetSubZone():
			distance = 1
		}
		groups[i].priority = g.priority*levels + distance
	}
}

// byPriorityLabels splits the groups: endpoints that have the gateway's values of all labels
// come first, those that differ at the first of them last.
func byPriorityLabels(groups []localityGroup, labels []string, own map[string]string) []localityGroup {
	if len(own) == 0 {
		return groups
	}
	var out []localityGroup
	for _, g := range groups {
		byPriority := map[uint32][]model.Endpoint{}
		for _, e := range g.endpoints {
			p := labelDistance(labels, own, model.WithTopology(e.Labels, g.locality))
			byPriority[p] = append(byPriority[p], e)
		}
		for _, p := range slices.Sorted(maps.Keys(byPriority)) {
			out = append(out, localityGroup{g.locality, byPriority[p], p, wrapperspb.UInt32(totalWeight(byPriority[p]))})
		}
	}
	return out
}

func labelDistance(labels []string, own, endpoint map[string]string) uint32 {
	for i, label := range labels {
		name, want, fixed := strings.Cut(label, "=")
		if !fixed {
			want = own[name]
		}
		if endpoint[name] != want {
			return uint32(len(labels) - i) //nolint:gosec // the length of a list in a file
		}
	}
	return 0
}

// dense renumbers the priorities from 0 on without gaps, and orders by them.
func dense(groups []localityGroup) []localityGroup {
	var used []uint32
	for _, g := range groups {
		used = append(used, g.priority)
	}
	slices.Sort(used)
	used = slices.Compact(used)
	for i, g := range groups {
		n, _ := slices.BinarySearch(used, g.priority)
		groups[i].priority = uint32(n) //nolint:gosec // the length of a list
	}
	slices.SortStableFunc(groups, func(a, b localityGroup) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.locality, b.locality))
	})
	return groups
}
