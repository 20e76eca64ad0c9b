//! Whole apps, as their manifests.

use plat_kubernetes::render::render;
use plat_model::{NodePath, TargetId};

use crate::program::{PROGRAMS, facts, graph, lowered, shown};

#[test]
fn a_shop() {
    insta::assert_snapshot!(shown(PROGRAMS[0]));
}

#[test]
fn the_corners() {
    insta::assert_snapshot!(shown(PROGRAMS[1]));
}

#[test]
fn what_is_said_in_its_own_words() {
    insta::assert_snapshot!(shown(PROGRAMS[2]));
}

#[test]
fn the_same_bytes_each_time() {
    for program in PROGRAMS {
        assert_eq!(shown(program), shown(program));
    }
}

/// More than one thread takes at a time.
#[test]
fn many_are_made_side_by_side_and_stand_in_their_order() {
    let mut text = String::from("app many\n");
    for n in 0..150 {
        let before = if n == 0 { 149 } else { n - 1 };
        text += &format!(
            "service s{n:03} {{ run = image(\"x:1\"), scale = 2..4, env = {{ B = s{before:03}.url }} }}\n"
        );
    }
    text += "env prod { target = kubernetes { context = \"c\" } }\n";
    let lowered = lowered(&text).unwrap();
    let ids: Vec<&str> = lowered.objects.iter().map(|o| o.id.as_str()).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    // A Deployment, a Service, its account, its policy, its scale, its budget; and two for all.
    assert_eq!(ids.len(), 6 * 150 + 2);
    let graph = graph(&text);
    let rendered = |wanted: &(dyn Fn(Option<&NodePath>) -> bool + Sync)| {
        render(&TargetId::main(), &graph, &facts(&graph), wanted)
            .unwrap()
            .files
    };
    let all = rendered(&|_| true);
    assert_eq!(all.len(), ids.len());
    assert_eq!(all, rendered(&|_| true));
    let one = rendered(&|node| node.is_some_and(|node| node.as_str() == "s077"));
    assert_eq!(one.len(), 6);
    assert!(one.iter().all(|(name, text)| all.get(name) == Some(text)));
}

#[test]
fn how_many_copies_run_can_be_left_to_others() {
    let program = |left: &str| {
        format!(
            "app shop\n\
             service api {{ run = image(\"r/api:1\"), scale = 2 }}\n\
             service busy {{ run = image(\"r/api:1\"), scale = 2..5 }}\n\
             env prod {{ target = kubernetes {{ context = \"c\" }}, leave = [{left}] }}\n"
        )
    };
    let lowered = lowered(&program("api.scale, busy.scale")).unwrap();
    let left = |id: &str| {
        let object = lowered.objects.iter().find(|o| o.id.as_str() == id);
        object.unwrap().leave.clone()
    };
    assert_eq!(left("Deployment/api"), ["spec.replicas"]);
    assert_eq!(left("Deployment/busy"), ["spec.replicas"]);
    // Whoever has it brings what moves it.
    let ids = lowered.objects.iter().map(|o| o.id.as_str());
    assert!(!ids.into_iter().any(|id| id.starts_with("Horizontal")));
    assert_eq!(left("Service/api"), [""; 0]);
    insta::assert_snapshot!(shown(&program("api.env.LOG, api.port")));
}
