package policy

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/model"
)

// The times of a gateway that fetches keys itself, in nanoseconds. Those of Istio are
// fetchTimeout and keyLifetime.
const (
	fetchTimeout = 5_000_000_000
	keyLifetime  = 300_000_000_000
	// refetchAfter is the pause after a fetch that failed.
	refetchAfter = 1_000_000_000
	// fetchRetries are made within the timeout of a fetch, the first after retryAfter.
	fetchRetries = 2
	retryAfter   = 100_000_000
)

// remoteJWKS lets the gateway fetch the keys of a rule from their address. It reports false
// for a rule that does not name one.
//
// Envoy fetches as soon as it has the filter, and until there are keys, once more for each
// token: the token is held meanwhile, and refused where the fetch fails. With fast_listener
// it does not keep a listener closed over that, so that an issuer that is down harms nobody
// but itself.
func remoteJWKS(rule *securityv1beta1.JWTRule) (*jwtauthnv3.RemoteJwks, bool) {
	service, ok := KeyServiceOf(rule.GetJwksUri())
	if !ok {
		return nil, false
	}
	timeout := rule.GetTimeout()
	if timeout == nil {
		timeout = durationpb.New(fetchTimeout)
	}
	return &jwtauthnv3.RemoteJwks{
		HttpUri: &corev3.HttpUri{
			Uri:              rule.GetJwksUri(),
			HttpUpstreamType: &corev3.HttpUri_Cluster{Cluster: service.Cluster()},
			Timeout:          timeout,
		},
		CacheDuration: durationpb.New(keyLifetime),
		AsyncFetch:    &jwtauthnv3.JwksAsyncFetch{FastListener: true, FailedRefetchDuration: durationpb.New(refetchAfter)},
		RetryPolicy: &corev3.RetryPolicy{
			NumRetries: wrapperspb.UInt32(fetchRetries),
			RetryBackOff: &corev3.BackoffStrategy{
				BaseInterval: durationpb.New(min(retryAfter, timeout.AsDuration())),
				// Envoy also takes this for the time of one try. Were it shorter than the whole
				// timeout, keys that come slowly would never come.
				MaxInterval: timeout,
			},
		},
	}, true
}

// setIstioFetch brings the fetch of keys to Istio's shape: Istio says address, cluster and times
// only, and names the cluster as if the host were a service.
func setIstioFetch(remote *jwtauthnv3.RemoteJwks) {
	if remote == nil {
		return
	}
	remote.AsyncFetch, remote.RetryPolicy = nil, nil
	if s, ok := KeyServiceOf(remote.GetHttpUri().GetUri()); ok {
		remote.HttpUri.HttpUpstreamType = &corev3.HttpUri_Cluster{Cluster: model.ClusterName(model.Host(s.Host), s.Port)}
	}
}
