package server

import (
	"crypto/rand"
	"regexp"
	"strings"

	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// returns notes that a gateway has something of an earlier stream. It may have been sent a
// secret then whose file it could not use, and it accepts without a word the same secret that it
// refused before. So on this stream the paths of files are written in a way of its own. The
// version of a secret stays what it is: what the gateway has accepted is not sent again.
func (s *session) returns() {
	if s.alias != "" {
		return
	}
	var b strings.Builder
	b.WriteString("/.")
	for _, c := range rand.Text() {
		b.WriteString([]string{"/", "/."}[c%2])
	}
	s.alias = b.String()
}

// aliased returns a packed secret as it is written on this stream.
func (s *session) aliased(packed *anypb.Any) *anypb.Any {
	var secret tlsv3.Secret
	if err := proto.Unmarshal(packed.GetValue(), &secret); err != nil {
		return packed
	}
	b, err := cachev3.MarshalResource(aliasedSecret(&secret, s.alias))
	if err != nil {
		return packed
	}
	return &anypb.Any{TypeUrl: resourcev3.SecretType, Value: b}
}

// maxPlain bounds what is read of what a gateway says of secrets.
const maxPlain = 64 << 10

// slashes stands for one slash in a path that is written in another way, and is no part of a URL.
var slashes = regexp.MustCompile(`(^|[^:])/(?:\.?/)+`)

// plain returns what a gateway says of a type, with paths of secrets as the policy has them.
func (s *session) plain(url, message string) string {
	if url != resourcev3.SecretType {
		return message
	}
	message = message[:min(len(message), maxPlain)]
	if s.alias != "" {
		message = strings.ReplaceAll(message, s.alias, "")
	}
	return slashes.ReplaceAllString(message, "$1/")
}

// aliasAll writes the secrets of a response in state-of-the-world, which is this stream's alone.
func (s *session) aliasAll(r *discoveryv3.DiscoveryResponse) {
	if s.alias == "" || r.GetTypeUrl() != resourcev3.SecretType {
		return
	}
	for i, packed := range r.GetResources() {
		r.Resources[i] = s.aliased(packed)
	}
}

// aliasDelta is aliasAll for a delta response, which others are sent too.
func (s *session) aliasDelta(m *message) *message {
	if s.alias == "" || m.url != resourcev3.SecretType {
		return m
	}
	return m.with(s.aliased)
}
