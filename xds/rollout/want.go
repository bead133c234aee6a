package rollout

import (
	"time"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
)

// Order returns the types in the order in which they are put, that of snapshot.Types: what is referred to first. It is asked
// for at each step of each stream, so nothing is made for it.
func Order() [6]string {
	return [...]string{
		resourcev3.ClusterType, resourcev3.EndpointType, resourcev3.SecretType, resourcev3.ExtensionConfigType, resourcev3.ListenerType, resourcev3.RouteType,
	}
}

// Want returns what is to be served of a type, or nil where nothing was offered.
func (r *Rollout) Want(url string) *Part {
	if r.target == nil {
		return nil
	}
	p := r.target.Part(url)
	switch url {
	case resourcev3.ListenerType, resourcev3.RouteType:
		if front := r.front[url]; r.stage == making && front != nil {
			p = front
		}
	case resourcev3.ClusterType:
	case resourcev3.ExtensionConfigType:
		p = r.memo.union(r.policy, r.memo.union(r.newest.Part(url), p))
	default:
		p = r.memo.union(r.newest.Part(url), p)
	}
	if url == resourcev3.ListenerType {
		return p
	}
	for _, older := range []*Generation{r.kept, r.recent, r.aging} {
		p = r.memo.union(p, older.Part(url))
	}
	return p
}

// weighPolicy puts the newest policy in place, or holds it where it has to wait.
func (r *Rollout) weighPolicy(now time.Time) {
	next := r.newest.Part(resourcev3.ExtensionConfigType)
	wait := r.policy != nil && !next.Same(r.policy) && r.lacks(r.newest, next, r.policy)
	switch {
	case !wait || !r.policyDeadline.IsZero() && !now.Before(r.policyDeadline):
		r.policy, r.policyDeadline = next, time.Time{}
	case r.policyDeadline.IsZero():
		r.policyDeadline = now.Add(PolicyHold)
	}
}
