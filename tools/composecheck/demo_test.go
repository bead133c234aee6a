package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

// TestTheDemoKeepsTheKeyOfItsAuthority holds that the key that makes certificates is where the gateway, and the
// network, do not reach, and that what makes them has ended before they are used.
func TestTheDemoKeepsTheKeyOfItsAuthority(t *testing.T) {
	project, err := load(t.Context(), "../../docker-compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range project.Services {
		i := slices.IndexFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Source == "authority" })
		switch {
		case name == "authority" || name == "certificate":
			if i < 0 || s.NetworkMode != "none" {
				t.Errorf("%s makes certificates; volumes %v, network %q", name, s.Volumes, s.NetworkMode)
			}
		case name == "control-plane":
			if i < 0 || !s.Volumes[i].ReadOnly || s.User != "" {
				t.Errorf("the control plane could write to the authority, or read its key: %v as user %q", s.Volumes, s.User)
			}
		case i >= 0:
			t.Errorf("%s has the volume with the key of the authority", name)
		}
	}
	for name, before := range map[string]string{"certificate": "authority", "secret-files": "certificate", "control-plane": "certificate", "gateway": "secret-files"} {
		if got := project.Services[name].DependsOn[before].Condition; got != types.ServiceConditionCompletedSuccessfully {
			t.Errorf("%s does not wait for the end of %s: %q", name, before, got)
		}
	}
}

// TestTheDemoAsksForCertificates holds that its control plane serves over mutual TLS only.
func TestTheDemoAsksForCertificates(t *testing.T) {
	project, err := load(t.Context(), "../../docker-compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	command := strings.Join(project.Services["control-plane"].Command, " ")
	for _, flag := range []string{"--xds-tls-cert=", "--xds-tls-key=", "--xds-client-ca=", "--xds-client-crl=", "--gateways="} {
		if !strings.Contains(command, flag) {
			t.Errorf("the control plane lacks %s: %s", flag, command)
		}
	}
	if strings.Contains(command, "plaintext") {
		t.Errorf("the control plane serves in plain text: %s", command)
	}
}
