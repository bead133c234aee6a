package translate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/xds/bootstrap"
)

// messages returns all resources of a gateway.
func messages(r envoy.Resources) []proto.Message {
	var out []proto.Message
	for _, m := range r.Listeners {
		out = append(out, m)
	}
	for _, m := range r.Routes {
		out = append(out, m)
	}
	for _, m := range r.Clusters {
		out = append(out, m)
	}
	for _, m := range r.Endpoints {
		out = append(out, m)
	}
	for _, m := range r.ExtensionConfigs {
		out = append(out, m)
	}
	for _, m := range r.Secrets {
		out = append(out, m)
	}
	return out
}

// validMessages holds every message against the rules in Envoy's API, those in an Any too.
func validMessages(t testing.TB, r envoy.Resources) {
	t.Helper()
	for _, m := range messages(r) {
		err := protorange.Range(m.ProtoReflect(), func(p protopath.Values) error {
			last := p.Index(-1)
			if kind := last.Step.Kind(); kind != protopath.RootStep && kind != protopath.AnyExpandStep {
				return unknownAny(last.Value)
			}
			if v, ok := last.Value.Message().Interface().(interface{ ValidateAll() error }); ok {
				if err := v.ValidateAll(); err != nil {
					return fmt.Errorf("%s: %w", p.Path, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Errorf("Envoy would refuse %T: %v", m, err)
		}
	}
}

// unknownAny fails on an Any whose type this program does not know: nothing would check it.
func unknownAny(v protoreflect.Value) error {
	m, ok := v.Interface().(protoreflect.Message)
	if !ok {
		return nil
	}
	if packed, ok := m.Interface().(*anypb.Any); ok {
		if _, err := packed.UnmarshalNew(); err != nil {
			return fmt.Errorf("cannot look into an Any: %w", err)
		}
	}
	return nil
}

// sample is an accepted input and what it renders to.
type sample struct {
	name      string
	resources envoy.Resources
}

// newSample returns nothing where the program refuses the default gateway.
func newSample(name string, p *translate.Program) (sample, bool) {
	resources, refused := p.Static(ingress())
	return sample{name, resources}, len(refused) == 0
}

// TestEnvoyTakesWhatIsAccepted has the real Envoy validate what every golden input that is not refused, every
// seed of the fuzz test and every finding of it renders to. Envoy refuses a field of these that it does not know.
func TestEnvoyTakesWhatIsAccepted(t *testing.T) {
	envoytest.Require(t)
	var samples []sample
	golden := 0
	for name, program := range corpus(t) {
		if s, ok := newSample(name, program); ok {
			samples = append(samples, s.withFiles())
			if strings.HasSuffix(name, "/in") {
				golden++
			}
		}
	}
	if golden < 90 {
		t.Fatalf("only %d accepted golden inputs", golden)
	}
	t.Logf("%d golden inputs and %d others", golden, len(samples)-golden)
	envoyTakes(t, samples)
}

// withFiles is the sample with the files of backendFiles for those on a gateway's machine that its secrets name.
func (s sample) withFiles() sample {
	var secrets []*tlsv3.Secret
	for _, secret := range s.resources.Secrets {
		own := proto.CloneOf(secret)
		for path, source := range map[string]*corev3.DataSource{
			"/etc/tls.crt": own.GetTlsCertificate().GetCertificateChain(), "/etc/tls.key": own.GetTlsCertificate().GetPrivateKey(),
			"/etc/ca.pem": own.GetValidationContext().GetTrustedCa(), "/etc/ca.crl": own.GetValidationContext().GetCrl(),
		} {
			if source.GetFilename() != "" {
				source.Specifier = &corev3.DataSource_Filename{Filename: path}
			}
		}
		secrets = append(secrets, own)
	}
	s.resources.Secrets = secrets
	return s
}

// batch is how many inputs share one run of Envoy.
const batch = 300

// envoyTakes has Envoy validate all samples, many in one bootstrap, and names those that it refuses.
func envoyTakes(t *testing.T, samples []sample) {
	t.Helper()
	for len(samples) > 0 {
		n := min(batch, len(samples))
		for _, s := range refusedOf(t, samples[:n], 3) {
			_, log := envoyValidates(t, []sample{s})
			t.Errorf("Envoy refuses %s:\n%s", s.name, log)
		}
		samples = samples[n:]
	}
}

// refusedOf finds, by halving, at most so many of the samples that Envoy refuses.
func refusedOf(t *testing.T, samples []sample, most int) []sample {
	t.Helper()
	if ok, log := envoyValidates(t, samples); ok {
		if strings.Contains(strings.ToLower(log), "deprecat") {
			t.Errorf("Envoy speaks of something deprecated:\n%s", log)
		}
		return nil
	}
	if len(samples) == 1 {
		return samples
	}
	half := len(samples) / 2
	out := refusedOf(t, samples[:half], most)
	if len(out) < most {
		out = append(out, refusedOf(t, samples[half:], most-len(out))...)
	}
	return out
}

// envoyValidates runs Envoy's own validation of one bootstrap with all the samples.
func envoyValidates(t *testing.T, samples []sample) (accepted bool, log string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bootstrap.json")
	if err := os.WriteFile(path, together(t, samples), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, envoytest.Require(t), "--mode", "validate", "-c", path, "-l", "warning", "--disable-hot-restart")
	c.Dir = filepath.Dir(path) // for what it writes
	out, err := c.CombinedOutput()
	return err == nil, string(out)
}

// together is a bootstrap that holds all samples, each with addresses and names of its own.
func together(t *testing.T, samples []sample) []byte {
	t.Helper()
	whole, err := bootstrap.Static(bootstrap.Options{Name: "gateway", Gateway: ingress(), AdminAddress: "127.0.0.1:0"}, envoy.Resources{})
	if err != nil {
		t.Fatal(err)
	}
	content, err := protojson.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(content, &out); err != nil {
		t.Fatal(err)
	}
	var listeners, clusters, secrets []json.RawMessage
	for i, s := range samples {
		l, c, secret := s.apart(t, i)
		listeners, clusters, secrets = append(listeners, l...), append(clusters, c...), append(secrets, secret...)
	}
	out["staticResources"] = map[string]any{"listeners": listeners, "clusters": clusters, "secrets": secrets}
	if content, err = json.Marshal(out); err != nil {
		t.Fatal(err)
	}
	return []byte(backendFiles(t).Replace(string(content)))
}

// apart gives the sample names and addresses that no other sample has. What refers to a
// cluster or a secret refers to the new name.
func (s sample) apart(t *testing.T, i int) (listeners, clusters, secrets []json.RawMessage) {
	t.Helper()
	var renames []string
	for _, c := range s.resources.Clusters {
		renames = append(renames, fmt.Sprintf("%q", c.GetName()), fmt.Sprintf("%q", fmt.Sprintf("%d %s", i, c.GetName())))
	}
	for _, secret := range s.resources.Secrets {
		renames = append(renames, fmt.Sprintf("%q", secret.GetName()), fmt.Sprintf("%q", fmt.Sprintf("%d %s", i, secret.GetName())))
	}
	rename := strings.NewReplacer(renames...)
	raw := func(m proto.Message) json.RawMessage {
		content, err := protojson.Marshal(m)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, content); err != nil {
			t.Fatal(err)
		}
		return json.RawMessage(rename.Replace(compact.String()))
	}
	for n, l := range s.resources.Listeners {
		own := proto.Clone(l).(*listenerv3.Listener)
		own.Name = fmt.Sprintf("%d %s", i, l.GetName())
		if pipe := own.GetAddress().GetPipe(); pipe != nil {
			pipe.Path = fmt.Sprintf("@portreeve-%d-%d", i, n)
		} else {
			own.GetAddress().GetSocketAddress().Address = fmt.Sprintf("127.0.%d.%d", i/250, 1+i%250)
			own.GetAddress().GetSocketAddress().PortSpecifier = &corev3.SocketAddress_PortValue{PortValue: uint32(1024 + n)} //nolint:gosec // few
		}
		listeners = append(listeners, raw(own))
	}
	for _, c := range s.resources.Clusters {
		clusters = append(clusters, raw(c))
	}
	for _, secret := range s.resources.Secrets {
		secrets = append(secrets, raw(secret))
	}
	return listeners, clusters, secrets
}
