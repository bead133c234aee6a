package audit

import (
	"cmp"
	"encoding/json"
	"time"
)

// ocsfVersion is the version of the schema that our payloads follow.
const ocsfVersion = "1.5.0"

// The classes of OCSF that are used. What is done to a thing that is managed is Entity Management; the life of the
// program itself is Application Lifecycle.
const (
	entityManagement     = 3004
	applicationLifecycle = 6002
)

// otherActivity is the activity of what the schema has no number for. Its name says what it is.
const otherActivity = 99

// payload is the OCSF object of an event.
type payload struct {
	ClassUID     int      `json:"class_uid"`
	ClassName    string   `json:"class_name"`
	CategoryUID  int      `json:"category_uid"`
	CategoryName string   `json:"category_name"`
	ActivityID   int      `json:"activity_id"`
	ActivityName string   `json:"activity_name"`
	TypeUID      int      `json:"type_uid"`
	SeverityID   int      `json:"severity_id"`
	Severity     string   `json:"severity"`
	Time         int64    `json:"time"`
	Metadata     metadata `json:"metadata"`
	App          *product `json:"app,omitempty"`
	Entity       *entity  `json:"entity,omitempty"`
	Actor        *actor   `json:"actor,omitempty"`
	StatusID     int      `json:"status_id"`
	Status       string   `json:"status"`
	Message      string   `json:"message,omitempty"`
	Unmapped     unmapped `json:"unmapped"`
}

type metadata struct {
	Version  string  `json:"version"`
	Product  product `json:"product"`
	UID      string  `json:"uid"`
	Sequence uint64  `json:"sequence"`
}

type product struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
	Version    string `json:"version,omitempty"`
}

type entity struct {
	Type string `json:"type"`
	UID  string `json:"uid,omitempty"`
	Name string `json:"name,omitempty"`
}

type actor struct {
	User user `json:"user"`
}

type user struct {
	Name string `json:"name"`
}

// unmapped is what the schema has no place for.
type unmapped struct {
	Portreeve details `json:"portreeve"`
}

// details is all that we have to say beyond the schema.
type details struct {
	Outcome    Outcome         `json:"outcome,omitempty"`
	Namespaces []string        `json:"namespaces,omitempty"`
	Objects    []Object        `json:"objects,omitempty"`
	Actors     []Actor         `json:"actors,omitempty"`
	Counts     Counts          `json:"counts,omitzero"`
	Details    json.RawMessage `json:"details,omitempty"`
}

// activity is what an event is in the schema.
type activity struct {
	id   int
	name string
	// entity is the type of the thing that it is about.
	entity string
}

// activityOf is the one table of types of events and what they are in the schema.
func activityOf(t Type) activity {
	switch t {
	case PlaneStarted:
		return activity{3, "Start", "Control Plane"}
	case PlaneStopped:
		return activity{4, "Stop", "Control Plane"}
	case GenerationRead:
		return activity{2, "Read", "Policy"}
	case GenerationPublished:
		return activity{10, "Activate", "Policy"}
	case GatewayConnected, GatewayRefused:
		return activity{otherActivity, "Connect", "Gateway"}
	case GatewayDisconnected:
		return activity{otherActivity, "Disconnect", "Gateway"}
	case ResponseRefused, ResponseAccepted:
		return activity{3, "Update", "Gateway"}
	case KeysRotated:
		return activity{3, "Update", "Keys"}
	case KeysFailed, KeysFetched:
		return activity{2, "Read", "Keys"}
	case CertificateChanged:
		return activity{3, "Update", "Certificate"}
	case RolesChanged:
		return activity{3, "Update", "Admin Roles"}
	case AdminRefused:
		return activity{otherActivity, "Connect", "Admin Interface"}
	default:
		return recordActivity(t)
	}
}

// recordActivity is the part of the table about the record itself.
func recordActivity(t Type) activity {
	switch t {
	case SinkFailed:
		return activity{otherActivity, "Fail", "Audit Sink"}
	case SinkRecovered:
		return activity{otherActivity, "Recover", "Audit Sink"}
	case EventsLost:
		return activity{otherActivity, "Lose", "Audit Record"}
	case ChainRecovered:
		return activity{otherActivity, "Recover", "Audit Record"}
	case ChainPruned:
		return activity{4, "Delete", "Audit Record"}
	case ChainSigned:
		return activity{otherActivity, "Sign", "Audit Record"}
	default:
		return activity{otherActivity, string(t), "Other"}
	}
}

// statusOf returns the schema's status of an outcome. Waiting is neither success nor failure.
func statusOf(o Outcome) (int, string) {
	switch o {
	case Success, Served:
		return 1, "Success"
	case Refused, Failure:
		return 2, "Failure"
	case "":
		return 0, "Unknown"
	default:
		return 99, string(o)
	}
}

// severityOf returns how grave an event is.
func severityOf(t Type, o Outcome) (int, string) {
	switch {
	case t == EventsLost, t == SinkFailed, t == ChainRecovered && o == Failure:
		return 4, "High"
	case o == Refused, o == Failure:
		return 3, "Medium"
	case o == Waiting:
		return 2, "Low"
	default:
		return 1, "Informational"
	}
}

// about returns an event as OCSF has it, without what depends on its place.
func (r *encoder) about(i item) payload {
	e, what := i.event, activityOf(i.event.Type)
	p := payload{
		ClassUID: entityManagement, ClassName: "Entity Management", CategoryUID: 3, CategoryName: "Identity & Access Management",
		ActivityID: what.id, ActivityName: what.name,
		Time: e.Time.UnixMilli(), Message: e.Message, Actor: actorOf(e.Actors),
		Unmapped: unmapped{details{e.Outcome, e.Namespaces, e.Objects, e.Actors, i.counts, i.details}},
	}
	if e.Type == PlaneStarted || e.Type == PlaneStopped {
		p.ClassUID, p.ClassName = applicationLifecycle, "Application Lifecycle"
		p.CategoryUID, p.CategoryName = 6, "Application Activity"
		p.App = &r.product
	} else {
		p.Entity = &entity{Type: what.entity, UID: e.Subject, Name: e.Subject}
	}
	p.TypeUID = p.ClassUID*100 + p.ActivityID
	p.StatusID, p.Status = statusOf(e.Outcome)
	p.SeverityID, p.Severity = severityOf(e.Type, e.Outcome)
	return p
}

// actorOf returns the first who is known: the schema has room for one.
func actorOf(actors []Actor) *actor {
	for _, a := range actors {
		name := a.Owner
		if a.Committed {
			name = cmp.Or(a.Author, a.Owner)
		}
		if name != "" {
			return &actor{user{name}}
		}
	}
	return nil
}

// stamp is a time as CloudEvents have it.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
