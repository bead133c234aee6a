package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/audit/chain"
)

// writtenRecord is a record in several files, and the key that signs it.
func writtenRecord(t *testing.T, seed byte) (file, publicKey string) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	file, publicKey = filepath.Join(t.TempDir(), "audit.log"), filepath.Join(t.TempDir(), "audit.pub")
	c, err := chain.Open(chain.Options{File: file, Key: key, MaxSize: 4 << 10})
	must(t, err)
	r, err := audit.New(audit.Options{Chain: c, Required: true, Instance: "test"})
	must(t, err)
	for i := range 20 { // one by one, so that files are rotated
		must(t, r.Require(t.Context(), audit.Event{Type: audit.GatewayConnected, Subject: fmt.Sprintf("gateway-%02d", i), Outcome: audit.Success}))
	}
	must(t, r.Close())
	must(t, c.Close())
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	must(t, err)
	must(t, os.WriteFile(publicKey, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600))
	return file, publicKey
}

// auditRun runs a verb and returns what it said, and its exit code.
func auditRun(t *testing.T, args ...string) (string, int) {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), append([]string{"audit"}, args...), &out, &errs)
	return out.String() + errs.String(), code
}

func reportOf(t *testing.T, args ...string) (chain.Report, int) {
	t.Helper()
	text, code := auditRun(t, append([]string{"verify", "-o", "json"}, args...)...)
	var report chain.Report
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return report, code
}

func TestAuditVerifyHoldsARecordAgainstItsKeyAndHead(t *testing.T) {
	file, key := writtenRecord(t, 1)
	_, otherKey := writtenRecord(t, 2)
	report, code := reportOf(t, file)
	if code != exitClean || report.Last != 22 || report.Files < 2 {
		t.Fatalf("exit %d, %+v", code, report)
	}
	private := filepath.Join(t.TempDir(), "private")
	must(t, os.WriteFile(private, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret")}), 0o600))
	head := fmt.Sprintf("%d:%s", report.Last, report.LastHash)
	for name, test := range map[string]struct {
		flags []string
		code  int
		says  string
	}{
		"alone":                   {nil, exitClean, "head " + head},
		"with its key":            {[]string{"--public-key", key}, exitClean, "signed up to line"},
		"with both keys":          {[]string{"--public-key", otherKey, "--public-key", key}, exitClean, "signed up to line"},
		"with another key":        {[]string{"--public-key", otherKey}, exitFindings, "another key"},
		"with a private key":      {[]string{"--public-key", private}, exitUsage, "-pubout"},
		"with no key in the file": {[]string{"--public-key", file}, exitUsage, "no public key"},
		"with its head":           {[]string{"--head", file + ".head"}, exitClean, "as it was written"},
		"with its last line":      {[]string{"--head", head}, exitClean, "as it was written"},
		"with another last line":  {[]string{"--head", fmt.Sprintf("%d:%s", report.Last, audit.Genesis)}, exitFindings, "written anew"},
		"with a line to come":     {[]string{"--head", fmt.Sprintf("%d:%s", report.Last+1, audit.Genesis)}, exitFindings, "missing at the end"},
		"with a line before all":  {[]string{"--head", "0:" + audit.Genesis}, exitFindings, "nothing can be said"},
		"with half a line":        {[]string{"--head", "21:" + audit.Genesis[:12]}, exitUsage, "want SEQ:HASH"},
		"without a head":          {[]string{"--head", file + ".gone"}, exitFindings, "missing"},
	} {
		t.Run(name, func(t *testing.T) {
			if text, code := auditRun(t, append([]string{"verify", file}, test.flags...)...); code != test.code || !strings.Contains(text, test.says) || strings.Contains(text, "secret") {
				t.Errorf("exit %d, want %d and %q:\n%s", code, test.code, test.says, text)
			}
		})
	}
	if text, code := auditRun(t, "verify", file+".not"); code != exitUsage {
		t.Errorf("a record that is not there: exit %d: %s", code, text)
	}
}

func TestAuditVerifySaysWhereARecordIsNotAsItWasWritten(t *testing.T) {
	file, _ := writtenRecord(t, 1)
	content, err := os.ReadFile(file)
	must(t, err)
	must(t, os.WriteFile(file, bytes.Replace(content, []byte("/portreeve/test"), []byte("/portreeve/tost"), 1), 0o600))
	text, code := auditRun(t, "verify", file)
	if code != exitFindings || !strings.HasPrefix(text, file+":1: ") || !strings.Contains(text, "are chained to one another") {
		t.Errorf("exit %d: %s", code, text)
	}
	if report, code := reportOf(t, file); code != exitFindings || report.Fault == nil || report.Fault.Line != 1 {
		t.Errorf("exit %d: %+v", code, report)
	}
}

func TestAuditListAndShowReadTheFilesThatWereRotated(t *testing.T) {
	file, _ := writtenRecord(t, 1)
	if text, code := auditRun(t, "list", file, "--type", "gateway.*"); code != exitClean || strings.Count(text, "\n") != 20 || !strings.Contains(text, "gateway-00") {
		t.Errorf("exit %d: %s", code, text)
	}
	if text, code := auditRun(t, "show", file, "1"); code != exitClean || !strings.Contains(text, "gateway-00") {
		t.Errorf("exit %d: %s", code, text)
	}
}
