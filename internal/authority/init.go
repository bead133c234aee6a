package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// InitOptions say what authority is wanted.
type InitOptions struct {
	// TrustDomain is that of the gateways' SPIFFE IDs; empty: what it has, or cluster.local.
	TrustDomain string
	// ServerNames are the control plane's, beside LocalNames.
	ServerNames []string
	// Owner is whose the control plane's pair is. Where its group may read it may enter the folder too, and read all
	// there but the authority's key.
	Owner Owner
}

// LocalNames returns the names by which a control plane is reached on its own machine.
func LocalNames() []string { return []string{"localhost", "127.0.0.1", "::1"} }

// Made says what Init made.
type Made struct {
	// New says that the authority was made; else it was there.
	New    bool
	Server Issued
}

// Init makes an authority, where there is none, with its files and the certificate of a control plane. Of what
// is there nothing is changed, and no key is ever replaced by it. The caller owes a Close of what is returned.
func Init(ctx context.Context, o Options, i InitOptions) (*Authority, Made, error) {
	return initialize(ctx, o, i, files{})
}

func initialize(ctx context.Context, o Options, i InitOptions, f files) (*Authority, Made, error) {
	// All is checked before anything is made.
	domain, err := trustDomain(orDefault(i.TrustDomain))
	if err != nil {
		return nil, Made{}, err
	}
	wanted, err := serverNames(slices.Concat(LocalNames(), i.ServerNames))
	if err != nil {
		return nil, Made{}, err
	}
	if o := i.Owner; o.named && !o.group && o.uid >= 0 && o.uid != os.Getuid() {
		return nil, Made{}, errors.New("the owner of the control plane's pair reads ca.crt, crl.pem and gateways.yaml by its group: give USER:GROUP")
	}
	if err := f.directory(o.Dir, access{i.Owner.directory().mode, i.Owner.onlyGroup().ofWhoRuns()}); err != nil {
		return nil, Made{}, fmt.Errorf("make %s: %w", o.Dir, err)
	}
	if _, err := (&Authority{options: o}).unbegun(); err != nil {
		return nil, Made{}, err // before a lock is left in somebody's folder
	}
	a, err := locked(ctx, o, f)
	if err != nil {
		return nil, Made{}, err
	}
	made, err := a.initialize(domain, wanted, i)
	if err != nil {
		return nil, Made{}, errors.Join(err, a.Close())
	}
	return a, made, nil
}

func orDefault(domain string) string {
	if domain == "" {
		return "cluster.local"
	}
	return domain
}

func (a *Authority) initialize(domain spiffeid.TrustDomain, wanted []string, i InitOptions) (Made, error) {
	var made Made
	fresh, err := a.unbegun()
	if err != nil {
		return made, err
	}
	if fresh {
		if err := a.begin(domain); err != nil {
			return made, err
		}
		made.New = true
	}
	if err := a.load(); err != nil {
		return made, err
	}
	if i.TrustDomain != "" && a.domain != domain {
		return made, fmt.Errorf("the authority in %s is of the trust domain %s and cannot become one of %s: make another in another folder", a.options.Dir, a.domain.Name(), domain.Name())
	}
	if !exists(a.path(mappingName)) {
		if err := a.files.replace(a.path(mappingName), mappingHead(a.domain), a.access()); err != nil {
			return made, err
		}
	}
	made.Server, err = a.firstServer(wanted, i)
	return made, err
}

// unbegun reports whether there is nothing yet. A key alone is what a crash of the first run leaves: it has
// signed nothing, and is used.
func (a *Authority) unbegun() (bool, error) {
	entries, err := os.ReadDir(a.options.Dir)
	if err != nil {
		return false, err
	}
	own := []string{certificateName, recordsName, crlName, mappingName, serverName, gatewaysName}
	begun, strange := false, ""
	for _, e := range entries {
		switch name := e.Name(); {
		case slices.Contains(own, name):
			begun = true // and what is missing is said when it is loaded
		case name != keyName && name != lockName && name != lostAndFound && !strings.HasPrefix(name, newPrefix):
			strange = name
		}
	}
	if !begun && strange != "" {
		return false, fmt.Errorf("%s is no authority's folder, and has %s: name a folder that is empty, or none that is there", a.options.Dir, strange)
	}
	return !begun, nil
}

// begin makes the key, where there is none, and the certificate.
func (a *Authority) begin(domain spiffeid.TrustDomain) error {
	content, err := a.present(keyName)
	if err != nil {
		return err
	}
	if content == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return fmt.Errorf("make a key: %w", err)
		}
		if content, err = keyPEM(key); err != nil {
			return err
		}
		// For nobody but who runs this, whoever else may enter the folder.
		if err := a.files.replace(a.path(keyName), content, access{0o600, Owner{}}); err != nil {
			return err
		}
	}
	key, err := parseKey(content)
	if err != nil {
		return fmt.Errorf("%s: %w", a.path(keyName), err)
	}
	certificate, err := selfSigned(domain, key, a.options.Now())
	if err != nil {
		return err
	}
	return a.files.replace(a.path(certificateName), certificate, a.access())
}

// firstServer makes the control plane's pair where there is none, or what is there is due. Names that it lacks
// are an error: they would be found out by gateways only.
func (a *Authority) firstServer(wanted []string, i InitOptions) (Issued, error) {
	place := Record{Kind: KindServer, Place: serverName}
	if old, ok := a.inPlaceOf(place); ok && old.Revoked == nil {
		missing := slices.DeleteFunc(slices.Clone(wanted), func(n string) bool { return slices.Contains(old.Names, n) })
		if len(missing) > 0 && len(i.ServerNames) > 0 {
			return Issued{}, fmt.Errorf("the server's certificate in %s is not for %s: `portreeve ca issue server --dir %s --san %s` makes one that is",
				directory(a.options.Dir, serverName), strings.Join(missing, ", "), a.options.Dir, strings.Join(i.ServerNames, ","))
		}
		wanted = old.Names
	}
	return a.IssueServer(wanted, Target{Owner: i.Owner})
}
