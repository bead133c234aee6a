package test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func mapping(uids string) string {
	return "apiVersion: portreeve.dev/v1alpha1\nkind: GatewayIdentity\nmetadata: {name: edge}\nspec: {uids: [" + uids + "], namespace: edge}\n"
}

// TestTheFileOfGatewaysIsWatched holds that an edit of it is taken up, that a broken, emptied or missing one
// changes nothing, and that what it last said comes back with a restart among broken files.
func TestTheFileOfGatewaysIsWatched(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gateways.yaml")
	write(t, file, mapping("101"))
	dir := newPolicyDir(t, map[string]string{"policy.yaml": denial("guard", "ingressgateway", "/guarded")})
	flags := []string{"--gateways", file, "--state-dir", t.TempDir()}
	p := startPlane(t, dir, flags...)
	s := &scene{plane: p}
	is := func(generation uint64, when string) {
		t.Helper()
		eventually(t, fmt.Sprintf("%s: the mapping of generation %d is in force", when, generation), func() bool {
			status, err := p.status(t)
			return err == nil && status.Identities != nil && status.Identities.Generation.Seq == generation && status.Identities.Count == 1
		})
	}
	is(1, "at the start")
	replace(t, file, mapping("101, 102"))
	is(2, "an edit")
	for _, spoil := range []func(){
		func() { replace(t, file, mapping("-1")) },
		func() { replace(t, file, "") },
		func() { must(t, os.Remove(file)) },
	} {
		read := s.generation(t)
		spoil()
		eventually(t, "the edit is read", func() bool { return s.generation(t) > read })
		is(2, "a broken file")
	}
	p.stop()
	p.start(t, flags...)
	is(0, "a restart")
	replace(t, file, mapping("103"))
	is(2, "put right")
}
