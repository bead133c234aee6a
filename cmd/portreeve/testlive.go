package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/livetest"
	"github.com/portreeve/portreeve/internal/terminal"
	"github.com/portreeve/portreeve/translate/policytest"
)

// liveFlags say which live gateway is asked.
type liveFlags struct {
	against    []string
	authority  string
	issuerKeys map[string]string
}

func (l *liveFlags) register(c *cobra.Command) {
	c.Flags().StringArrayVar(&l.against, "against", nil, "Address of a live gateway that is asked instead, http://HOST:PORT or https://HOST:PORT; may be given once for each.")
	c.Flags().StringVar(&l.authority, "against-ca", "", "PEM file with the authorities of that gateway's certificate. (default the system's)")
	c.Flags().StringToStringVar(&l.issuerKeys, "issuer-key", nil, "NAME=FILE: the private key, PEM or JWK, by which tokens of a PolicyTest's issuer are signed for a live gateway; may be given several times.")
	takes(c, "against", parsed("URL", func(text string) error {
		if _, _, err := livetest.ParseAddress(text); err != nil {
			return errors.New("it is not http://HOST:PORT or https://HOST:PORT")
		}
		return nil
	}))
	takes(c, "against-ca", aPEMFile())
}

func (l *liveFlags) given() bool { return len(l.against) > 0 }

// ask sends the requests of a suite. Tokens are made for this moment.
func (l *liveFlags) ask(ctx context.Context, s *testSuite) error {
	gateway, err := l.gateway()
	if err != nil {
		return err
	}
	keys, err := l.keys()
	if err != nil {
		return err
	}
	tests, err := s.tests(policytest.Making{Sign: keys.Sign, Now: time.Now()})
	if err != nil {
		return err
	}
	progress := terminal.Begin(s.stderr, os.Getenv)
	defer progress.End()
	for i, t := range tests {
		progress.Say("PolicyTest %d of %d", i+1, len(tests))
		t.Gateways = t.Gateways[:1]
		s.runs = append(s.runs, testRun{test: t, gateway: t.Gateways[0], results: gateway.Run(ctx, t)})
	}
	return ctx.Err()
}

func (l *liveFlags) gateway() (livetest.Gateway, error) {
	out := livetest.Gateway{Addresses: map[string]string{}}
	for _, text := range l.against {
		scheme, address, err := livetest.ParseAddress(text)
		switch {
		case err != nil:
			return out, fmt.Errorf("--against: %w", err)
		case out.Addresses[scheme] != "":
			return out, fmt.Errorf("--against gives two addresses for %s", scheme)
		}
		out.Addresses[scheme] = address
	}
	if l.authority == "" {
		return out, nil
	}
	content, err := os.ReadFile(l.authority)
	if err != nil {
		return out, fmt.Errorf("--against-ca: %w", err)
	}
	out.Roots = x509.NewCertPool()
	if !out.Roots.AppendCertsFromPEM(content) {
		return out, errors.New("--against-ca: there is no certificate in " + l.authority)
	}
	return out, nil
}

func (l *liveFlags) keys() (livetest.Keys, error) {
	out := livetest.Keys{}
	for name, file := range l.issuerKeys {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("--issuer-key: %w", err)
		}
		key, err := livetest.ParseKey(content)
		if err != nil {
			return nil, fmt.Errorf("--issuer-key %s: %s: %w", name, strings.TrimSpace(file), err)
		}
		out[name] = key
	}
	return out, nil
}
