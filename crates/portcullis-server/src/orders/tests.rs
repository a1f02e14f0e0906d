use super::*;

#[test]
fn an_order_is_done_when_every_worker_has_done_it() {
    let orders = Orders::new(2);
    let issued = orders.issue(Order::EnforceRevocations);
    assert_eq!(issued.wait(Duration::ZERO), None);
    let first = orders.take(NodeId::new(0)).expect("an order");
    assert!(orders.take(NodeId::new(0)).is_none());
    first.done(3);
    assert_eq!(issued.wait(Duration::ZERO), None, "the other worker has not");
    orders.take(NodeId::new(1)).expect("an order").done(4);
    assert_eq!(issued.wait(Duration::ZERO), Some(7));
}

#[test]
fn orders_come_in_their_order() {
    let orders = Orders::new(1);
    let disconnect = Order::Disconnect { whom: Whom::User("a".into()), code: 1001, reason: "disconnected" };
    orders.issue(Order::EnforceRevocations);
    orders.issue(disconnect.clone());
    let took: Vec<Order> =
        core::iter::from_fn(|| orders.take(NodeId::new(0))).map(|issued| issued.order.clone()).collect();
    assert_eq!(took, [Order::EnforceRevocations, disconnect]);
    assert!(orders.take(NodeId::new(9)).is_none(), "no such worker");
}
